// For the page around embedded calendars: makes each frame as high as what it shows. Listens to frames of the site that
// this script came from, and to nobody else. Without it a frame keeps the height that it was given.
(function () {
  var script = document.currentScript;
  if (!script || window.icalbridgeEmbeds) return;
  window.icalbridgeEmbeds = true;
  var origin = new URL(script.src).origin;

  function ours(frame) {
    return frame.src.indexOf(origin + "/") === 0;
  }

  addEventListener("message", function (event) {
    var told = event.data;
    if (event.origin !== origin || !told || told.type !== "icalbridge:height") return;
    if (typeof told.height !== "number" || !(told.height > 0 && told.height < 50000)) return;
    var frames = document.getElementsByTagName("iframe");
    for (var i = 0; i < frames.length; i++) {
      if (ours(frames[i]) && frames[i].contentWindow === event.source) frames[i].style.height = told.height + "px";
    }
  });

  function ask() {
    var frames = document.getElementsByTagName("iframe");
    for (var i = 0; i < frames.length; i++) {
      if (ours(frames[i])) frames[i].contentWindow.postMessage({ type: "icalbridge:ask" }, "*");
    }
  }

  // A frame may have told its height before this script was there to listen.
  ask();
  addEventListener("DOMContentLoaded", ask);
})();
