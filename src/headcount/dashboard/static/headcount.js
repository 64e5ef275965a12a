// Enhancements of pages: durations are updated, live pages reload their content after changes, menus close with Escape,
// and the search field shows suggestions. Without this script everything works but these.
"use strict";
(() => {
  const skewMs = Date.now() - Number(document.documentElement.dataset.now || Date.now());

  // The same form as formats.duration on the server.
  function durationText(ms) {
    const seconds = Math.max(0, Math.floor(ms / 1000));
    const [minutes, hours] = [Math.floor(seconds / 60), Math.floor(seconds / 3600)];
    const days = Math.floor(seconds / 86400);
    let parts = [[minutes, "m"], [seconds % 60, "s"]];
    if (hours) parts = [[hours, "h"], [minutes % 60, "m"]];
    if (days) parts = [[days, "d"], [hours % 24, "h"]];
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

  // Menus are `details` elements with the same name, so the browser keeps at most one of them open.
  const openMenu = () => document.querySelector("details[name='popover'][open]");
  document.addEventListener("click", (event) => {
    const menu = openMenu();
    if (menu && !menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    const menu = openMenu();
    if (event.key !== "Escape" || !menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });

  // The search field: a slash moves to it, and the arrow keys select a suggestion.
  const search = document.getElementById("search");
  const suggestions = document.getElementById("search-suggestions");
  const isTyping = (element) => element.isContentEditable || /^(input|select|textarea)$/i.test(element.tagName);
  if (search && suggestions) {
    const options = () => [...suggestions.querySelectorAll("a[role='option']")];
    const selected = () => suggestions.querySelector("[aria-selected='true'][href]");
    const show = (isShown) => {
      suggestions.hidden = !isShown;
      search.setAttribute("aria-expanded", String(isShown));
      if (!isShown) select(undefined);
    };
    const select = (option) => {
      for (const other of options()) other.setAttribute("aria-selected", String(other === option));
      if (!option) return search.removeAttribute("aria-activedescendant");
      search.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    };
    document.addEventListener("keydown", (event) => {
      const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
      if (event.key !== "/" || !isPlain || isTyping(event.target)) return;
      event.preventDefault();
      search.focus();
      search.select();
    });
    suggestions.addEventListener("htmx:afterSwap", () => {
      const isCurrent = document.activeElement === search && search.value.trim() !== "";
      show(isCurrent && suggestions.childElementCount > 0);
    });
    search.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !suggestions.hidden) {
        event.preventDefault();
        show(false);
      } else if (event.key === "Enter" && !suggestions.hidden && selected()) {
        event.preventDefault();
        location.assign(selected().href);
      } else if (["ArrowDown", "ArrowUp"].includes(event.key) && options().length) {
        event.preventDefault();
        if (suggestions.hidden) show(true);
        const all = [undefined, ...options()];
        const step = event.key === "ArrowDown" ? 1 : all.length - 1;
        select(all[(all.indexOf(selected() || undefined) + step) % all.length]);
      }
    });
    search.addEventListener("focusout", (event) => {
      if (!suggestions.contains(event.relatedTarget)) show(false);
    });
    suggestions.addEventListener("mousedown", (event) => event.preventDefault());
  }

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
