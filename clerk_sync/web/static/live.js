// Refreshes the part #live of a page while it has the attribute data-every-s.
"use strict";

async function refresh() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
  // If the session has ended, reload the page: it shows the sign-in link.
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
  if (seconds) setTimeout(refresh, seconds * 1000);
}

wait();
