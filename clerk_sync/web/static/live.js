// Keeps the part #live of a page up to date, as long as the server says that there is something to wait for.
"use strict";

async function lookAgain() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
  // Signed out meanwhile: go to the page itself, which knows the way.
  if (answer && answer.status === 401) return location.reload();
  if (answer && answer.ok) {
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("live");
    if (fresh) document.getElementById("live").replaceWith(document.adoptNode(fresh));
  }
  wait();
}

function wait() {
  const seconds = Number(document.getElementById("live").dataset.everyS);
  if (seconds) setTimeout(lookAgain, seconds * 1000);
}

wait();
