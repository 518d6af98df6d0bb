// For the page around embedded calendars: makes each frame as high as its calendar. It knows a frame by the source of
// the message, not by an origin, and needs no address of its own: so it works in sandboxed frames (origin "null"), as a
// module, and in a file together with other scripts, after one without a last semicolon too. Without it a frame keeps
// its height.
;(function () {
  if (window.icalbridgeEmbeds) return;
  window.icalbridgeEmbeds = true;

  /** Return the frames that show a calendar, or only the one that `source` is the window of. */
  function calendars(source) {
    return [].filter.call(document.getElementsByTagName("iframe"), function (frame) {
      return /\/embed\/(facility|property|feed)\//.test(frame.src) && (!source || frame.contentWindow === source);
    });
  }

  addEventListener("message", function (event) {
    var data = event.data;
    if (!event.source || !data || data.type !== "icalbridge:height") return;
    if (typeof data.height !== "number" || !(data.height > 0 && data.height < 50000)) return;
    calendars(event.source).forEach(function (frame) {
      frame.style.height = data.height + "px";
    });
  });

  function ask() {
    calendars().forEach(function (frame) {
      frame.contentWindow.postMessage({ type: "icalbridge:ask" }, "*");
    });
  }

  // A frame may have sent its height before this script was there to listen.
  ask();
  addEventListener("DOMContentLoaded", ask);
})();
