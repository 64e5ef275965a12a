// Enhancements of pages: durations tick, live pages reload their content when something changed, and the sign-in form
// sends the browser's time zone. Without this script everything works but live updates.
"use strict";
(() => {
  const skewMs = Date.now() - Number(document.documentElement.dataset.now || Date.now());

  // The same form as formats.duration on the server.
  function durationText(ms) {
    const seconds = Math.max(0, Math.floor(ms / 1000));
    const [minutes, hours] = [Math.floor(seconds / 60), Math.floor(seconds / 3600)];
    const parts = hours ? [[hours, "h"], [minutes % 60, "m"]] : [[minutes, "m"], [seconds % 60, "s"]];
    return parts.filter(([n]) => n).map(([n, unit]) => n.toLocaleString("en-US") + unit).join(" ") || "0s";
  }
  function updateDurations() {
    const now = Date.now() - skewMs;
    for (const element of document.querySelectorAll("[data-since]")) {
      element.textContent = durationText(now - Number(element.dataset.since));
    }
  }
  setInterval(updateDurations, 1000);

  for (const field of document.querySelectorAll("[data-browser-timezone]")) {
    field.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-print]")) window.print();
    const button = event.target.closest("[data-copy]");
    if (!button || !navigator.clipboard) return;
    const source = document.getElementById(button.dataset.copy);
    navigator.clipboard.writeText(source.innerText).then(() => {
      button.dataset.done = "";
      setTimeout(() => delete button.dataset.done, 1500);
    });
  });

  // Boxes that scroll sideways fade out on the sides where they continue.
  function showOverflow(box) {
    const before = Math.abs(box.scrollLeft) > 1;
    const after = box.scrollWidth - box.clientWidth - Math.abs(box.scrollLeft) > 1;
    if (before || after) box.dataset.more = before && after ? "both" : before ? "left" : "right";
    else delete box.dataset.more;
  }
  function showOverflows() {
    document.querySelectorAll(".scroll, .chart-frame").forEach(showOverflow);
  }
  document.addEventListener("scroll", (event) => {
    if (event.target.matches?.(".scroll, .chart-frame")) showOverflow(event.target);
  }, { capture: true, passive: true });
  for (const [target, name] of [[window, "resize"], [document, "toggle"], [document, "htmx:afterSettle"]]) {
    target.addEventListener(name, showOverflows, true);
  }
  for (const box of document.querySelectorAll("[data-scroll-end]")) box.scrollLeft = box.scrollWidth;
  showOverflows();

  // Empty filters stay out of the address.
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form.filters")) return;
    for (const field of event.target.elements) if (field.name && !field.value) field.disabled = true;
  });
  window.addEventListener("pageshow", () => {
    for (const field of document.querySelectorAll("form.filters :disabled")) field.disabled = false;
  });

  // Swapped content may have a title for the tab.
  document.addEventListener("htmx:afterSettle", () => {
    updateDurations();
    const content = document.querySelector("[data-title]");
    if (content) document.title = `${content.dataset.title} · Headcount`;
  });

  // A time in a meeting can also be selected with the slider, or by a click on the timeline.
  const slider = document.getElementById("time-slider");
  const timeField = document.getElementById("at-time");
  if (slider && timeField) {
    const clock = new Intl.DateTimeFormat("en-GB", {
      timeZone: slider.dataset.timezone, hour: "2-digit", minute: "2-digit", second: "2-digit",
    });
    let pending = 0;
    const select = (ms) => {
      timeField.step = "1";
      timeField.value = clock.format(ms);
      clearTimeout(pending);
      pending = setTimeout(() => timeField.dispatchEvent(new Event("change", { bubbles: true })), 150);
    };
    slider.parentElement.hidden = false;
    slider.addEventListener("input", () => select(Number(slider.value)));
    document.addEventListener("click", (event) => {
      const chart = event.target.closest(".figure svg[data-start]");
      if (!chart) return;
      const box = chart.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * chart.viewBox.baseVal.width;
      const { start, end, left, right } = chart.dataset;
      const part = (x - left) / (right - left);
      if (part < 0 || part > 1) return;
      slider.value = Number(start) + part * (end - start);
      select(Number(slider.value));
    });
  }

  const updates = document.body.dataset.live;
  if (!updates) return;
  const connectionState = document.getElementById("connection-state");
  let polling = 0;
  const showState = (name) => {
    if (!connectionState) return;
    connectionState.dataset.is = name;
    connectionState.textContent = connectionState.dataset[`${name}Text`] || "";
  };
  let reloading = 0;
  const reload = () => {
    if (reloading) return;
    reloading = setTimeout(() => {
      reloading = 0;
      if (window.htmx) window.htmx.trigger(document.body, "changed");
    }, Number(document.body.dataset.liveDelay || 100));
  };
  const startPolling = () => {
    if (polling) return;
    showState("polled");
    polling = setInterval(reload, 10000);
  };
  document.addEventListener("htmx:sendError", () => showState("offline"));
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful && polling) showState("polled");
  });
  function connect() {
    const stream = new EventSource(updates);
    stream.addEventListener("changed", () => {
      clearInterval(polling);
      polling = 0;
      showState("live");
      reload();
    });
    stream.addEventListener("error", () => {
      startPolling();
      if (stream.readyState === EventSource.CLOSED) setTimeout(connect, 10000);
    });
  }
  if (window.EventSource) connect(); else startPolling();
  // A person who is alone in a room becomes a meeting without any event.
  setInterval(reload, 15000);
})();
