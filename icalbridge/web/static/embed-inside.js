// Inside an embedded calendar: sends the page around it the height of this one.
(function () {
  var root = document.documentElement;
  var sent = 0;

  function send() {
    sent = Math.ceil(root.getBoundingClientRect().height);
    parent.postMessage({ type: "icalbridge:height", height: sent }, "*");
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
  addEventListener("load", send);
  addEventListener("resize", send);
  addEventListener("message", function (event) {
    if (event.source === parent && event.data && event.data.type === "icalbridge:ask") send();
  });
  if (window.ResizeObserver) {
    new ResizeObserver(function () {
      if (Math.ceil(root.getBoundingClientRect().height) !== sent) send();
    }).observe(root);
  }
})();
