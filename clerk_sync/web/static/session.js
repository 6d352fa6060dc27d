// Renews the session token while a page of the console is open, as clerk-js does: a token expires after a minute.
// Without this script the console renews the token by a redirect through Clerk.
"use strict";

const { frontendApi, cookieSuffix, retry } = document.currentScript.dataset;
const NAMES = cookieSuffix ? [`__session_${cookieSuffix}`, "__session"] : ["__session"];
const RENEW_BEFORE_S = 15;
const RETRY_AFTER_MS = 20_000;
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
  if (!answer.ok) throw new Error(`renewal failed: ${answer.status}`);
  const { jwt } = await answer.json();
  const secure = location.protocol === "https:" ? "; Secure" : "";
  for (const name of NAMES) document.cookie = `${name}=${jwt}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
}

async function keepFresh() {
  const { sid, exp } = claimsOf(readToken() || "");
  if (!sid) return;
  let waitMs = (exp - RENEW_BEFORE_S) * 1000 - Date.now();
  // If the page was refused, the token is not accepted, even if it has not expired.
  if (retry || waitMs <= 0) {
    waitMs = RETRY_AFTER_MS;
    try {
      await renew(sid);
      retryPage();
    } catch {
      // The session has ended, or Clerk is unavailable. The next request shows which.
    }
  }
  setTimeout(keepFresh, Math.max(waitMs, 1000));
}

// A page that was refused is loaded again, once.
function retryPage() {
  if (!retry || Date.now() - Number(sessionStorage.getItem(RETRIED_AT)) < RETRY_AFTER_MS) return;
  sessionStorage.setItem(RETRIED_AT, String(Date.now()));
  location.replace(retry);
}

keepFresh();
