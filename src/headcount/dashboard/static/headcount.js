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

  // A time in a meeting can also be selected with the slider, or by a click on the timeline. A cursor shows it there.
  const slider = document.getElementById("time-slider");
  const timeField = document.getElementById("at-time");
  if (slider && timeField) {
    const picker = timeField.form;
    const thumb = slider.parentElement.querySelector("output");
    const hasDate = "hasDate" in slider.dataset;
    const clock = new Intl.DateTimeFormat("en-GB", {
      timeZone: slider.dataset.timezone, hour: "2-digit", minute: "2-digit", second: "2-digit",
      ...(hasDate && { weekday: "short", day: "numeric", month: "short" }),
    });
    const parts = new Intl.DateTimeFormat("sv-SE", {
      timeZone: slider.dataset.timezone, dateStyle: "short", timeStyle: "medium",
    });
    const part = (ms) => (ms - slider.min) / (slider.max - slider.min || 1);
    const drawCursor = (ms) => {
      for (const chart of document.querySelectorAll("svg[data-start]")) {
        const { start, end, left, right } = chart.dataset;
        let cursor = chart.querySelector(".chart-cursor");
        if (!cursor) {
          cursor = document.createElementNS("http://www.w3.org/2000/svg", "line");
          cursor.setAttribute("class", "chart-cursor");
          chart.append(cursor);
        }
        const x = Number(left) + Math.min(1, Math.max(0, (ms - start) / (end - start))) * (right - left);
        for (const [name, value] of [["x1", x], ["x2", x], ["y1", 0], ["y2", chart.viewBox.baseVal.height]]) {
          cursor.setAttribute(name, value);
        }
      }
    };
    const show = (ms) => {
      slider.value = ms;
      thumb.textContent = clock.format(ms);
      const place = `${Math.min(1, Math.max(0, part(ms))) * 100}%`;
      thumb.style.left = place;
      thumb.style.transform = `translateX(-${place})`;
    };
    let pending = 0;
    const select = (ms) => {
      const local = parts.format(ms).replace(" ", "T");
      timeField.value = hasDate ? local : local.slice(11);
      show(ms);
      drawCursor(ms);
      clearTimeout(pending);
      // The exact time: a local time can mean two times when clocks are set back.
      pending = setTimeout(() => window.htmx.ajax("GET", `${picker.getAttribute("hx-get")}?at=${new Date(ms).toISOString()}`, {
        target: "#participants-at", swap: "innerHTML show:none",
      }), 120);
    };
    const showSelected = () => {
      const selected = document.querySelector("#participants-at [data-at]");
      if (!selected) return;
      show(Number(selected.dataset.at));
      drawCursor(Number(selected.dataset.at));
    };
    slider.closest(".time-slider").hidden = false;
    show(Number(slider.value));
    showSelected();
    document.addEventListener("htmx:afterSettle", showSelected);
    slider.addEventListener("input", () => select(Number(slider.value)));
    document.addEventListener("click", (event) => {
      const chart = event.target.closest(".figure svg[data-start]");
      if (!chart) return;
      const box = chart.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * chart.viewBox.baseVal.width;
      const { start, end, left, right } = chart.dataset;
      const at = (x - left) / (right - left);
      if (at < 0 || at > 1) return;
      select(Math.floor((Number(start) + at * (end - start)) / 1000) * 1000);
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
