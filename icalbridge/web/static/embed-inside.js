// Inside an embedded calendar: tells the page around it how high this one is, and nothing else.
(function () {
  var root = document.documentElement;
  var told = 0;

  function tell() {
    told = Math.ceil(root.getBoundingClientRect().height);
    parent.postMessage({ type: "icalbridge:height", height: told }, "*");
  }

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
