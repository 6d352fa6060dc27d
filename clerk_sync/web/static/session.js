// Keeps the session token fresh while a page of the console is open, as clerk-js does it: a token lasts a minute.
// Without this script a page that is gone to takes the detour over Clerk instead.
"use strict";

const { frontendApi, cookieSuffix, retry } = document.currentScript.dataset;
const NAMES = cookieSuffix ? [`__session_${cookieSuffix}`, "__session"] : ["__session"];
const EARLY_S = 15;
const LATER_MS = 20_000;
const RETRIED_AT = "console retried at";

function readCookie(name) {
  const pair = document.cookie.split("; ").find((each) => each.startsWith(`${name}=`));
  return pair && pair.slice(name.length + 1);
}

function readToken() {
  return NAMES.map(readCookie).find(Boolean);
}

function claimsOf(token) {
  try {
    return JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
  } catch {
    return {};
  }
}

async function renew(sessionId) {
  const address = new URL(`/v1/client/sessions/${encodeURIComponent(sessionId)}/tokens`, frontendApi);
  const devBrowser = readCookie("__clerk_db_jwt");
  if (devBrowser) address.searchParams.set("__clerk_db_jwt", devBrowser);
  const answer = await fetch(address, { method: "POST", credentials: "include" });
  if (!answer.ok) throw new Error(`the session is over: ${answer.status}`);
  const { jwt } = await answer.json();
  const secure = location.protocol === "https:" ? "; Secure" : "";
  for (const name of NAMES) document.cookie = `${name}=${jwt}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
}

async function keepFresh() {
  const { sid, exp } = claimsOf(readToken() || "");
  if (!sid) return;
  let waitMs = (exp - EARLY_S) * 1000 - Date.now();
  // Of a page that was refused, the token is no good however young it is.
  if (retry || waitMs <= 0) {
    waitMs = LATER_MS;
    try {
      await renew(sid);
      goOn();
    } catch {
      // The session is over, or Clerk is away: the next click will tell. Nothing is lost meanwhile.
    }
  }
  setTimeout(keepFresh, Math.max(waitMs, 1000));
}

// A page that was refused comes back by itself, once.
function goOn() {
  if (!retry || Date.now() - Number(sessionStorage.getItem(RETRIED_AT)) < LATER_MS) return;
  sessionStorage.setItem(RETRIED_AT, String(Date.now()));
  location.replace(retry);
}

keepFresh();
