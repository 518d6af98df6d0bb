// Inside an embedded calendar: tells the page around it how high this one is.
(function () {
  var root = document.documentElement;
  var told = 0;

  function tell() {
    told = Math.ceil(root.getBoundingClientRect().height);
    parent.postMessage({ type: "icalbridge:height", height: told }, "*");
  }

  // The school's zone is named only to readers of another.
  function agrees(zone) {
    try {
      return [0, 182].every(function (days) {
        var moment = new Date(Date.now() + days * 86400000);
        return moment.toLocaleString("en", { timeZone: zone }) === moment.toLocaleString("en");
      });
    } catch (error) {
      return false;
    }
  }

  var zones = document.querySelectorAll("[data-zone]");
  for (var i = 0; i < zones.length; i++) zones[i].hidden = agrees(zones[i].getAttribute("data-zone"));

  if (parent === window) return;
  addEventListener("load", tell);
  addEventListener("resize", tell);
  addEventListener("message", function (event) {
    if (event.source === parent && event.data && event.data.type === "icalbridge:ask") tell();
  });
  if (window.ResizeObserver) {
    new ResizeObserver(function () {
      if (Math.ceil(root.getBoundingClientRect().height) !== told) tell();
    }).observe(root);
  }
})();
