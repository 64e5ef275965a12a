// What the pages do by themselves: durations tick, a page that is live asks anew when something changed,
// and forms are told the zone of the browser. Without this script everything but liveness works.
"use strict";
(() => {
  const two = (n) => String(n).padStart(2, "0");
  const skew = Date.now() - Number(document.documentElement.dataset.now || Date.now());

  function ticking(ms) {
    const s = Math.max(0, Math.floor(ms / 1000));
    const minutes = `${Math.floor(s / 60) % 60}:${two(s % 60)}`;
    return s < 3600 ? minutes : `${Math.floor(s / 3600)}:${minutes.padStart(5, "0")}`;
  }
  function tick() {
    const now = Date.now() - skew;
    for (const one of document.querySelectorAll("[data-since]")) {
      one.textContent = ticking(now - Number(one.dataset.since));
    }
  }
  setInterval(tick, 1000);

  for (const field of document.querySelectorAll("[data-zone]")) {
    field.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
  }

  // A link that is opened by a click on its whole row, or a choice that sends its form.
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-sends]")) event.target.form.requestSubmit();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-print]")) window.print();
    const button = event.target.closest("[data-copy]");
    if (!button || !navigator.clipboard) return;
    const from = document.getElementById(button.dataset.copy);
    navigator.clipboard.writeText(from.innerText).then(() => {
      button.dataset.done = "";
      setTimeout(() => delete button.dataset.done, 1500);
    });
  });

  // What was swapped in may have a title for the tab.
  document.addEventListener("htmx:afterSettle", () => {
    tick();
    const titled = document.querySelector("[data-title]");
    if (titled) document.title = `${titled.dataset.title} · Headcount`;
  });

  // A moment of a meeting is also chosen by moving through it, or by a click on its picture.
  const scrub = document.getElementById("scrub");
  const time = document.getElementById("at-time");
  if (scrub && time) {
    const clock = new Intl.DateTimeFormat("en-GB", {
      timeZone: scrub.dataset.zoneName, hour: "2-digit", minute: "2-digit", second: "2-digit",
    });
    let asked = 0;
    const ask = (ms) => {
      time.step = "1";
      time.value = clock.format(ms);
      clearTimeout(asked);
      asked = setTimeout(() => time.dispatchEvent(new Event("change", { bubbles: true })), 150);
    };
    scrub.parentElement.hidden = false;
    scrub.addEventListener("input", () => ask(Number(scrub.value)));
    document.addEventListener("click", (event) => {
      const chart = event.target.closest(".picture svg[data-start]");
      if (!chart) return;
      const box = chart.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * chart.viewBox.baseVal.width;
      const { start, end, left, right } = chart.dataset;
      const part = (x - left) / (right - left);
      if (part < 0 || part > 1) return;
      scrub.value = Number(start) + part * (end - start);
      ask(Number(scrub.value));
    });
  }

  const live = document.body.dataset.live;
  if (!live) return;
  const state = document.getElementById("state");
  let polling = 0;
  const show = (name) => {
    if (!state) return;
    state.dataset.is = name;
    state.textContent = state.dataset[`${name}Text`] || "";
  };
  let due = 0;
  const changed = () => {
    if (due) return;
    due = setTimeout(() => {
      due = 0;
      if (window.htmx) window.htmx.trigger(document.body, "changed");
    }, 100);
  };
  const poll = () => {
    if (polling) return;
    show("polled");
    polling = setInterval(changed, 10000);
  };
  document.addEventListener("htmx:sendError", () => show("offline"));
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful && polling) show("polled");
  });
  function listen() {
    const source = new EventSource(live);
    source.addEventListener("changed", () => {
      clearInterval(polling);
      polling = 0;
      show("live");
      changed();
    });
    source.addEventListener("error", () => {
      poll();
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, 10000);
    });
  }
  if (window.EventSource) listen(); else poll();
  // A room in which somebody is alone may become a meeting without a word.
  setInterval(changed, 15000);
})();
