// A browser starts no worker from a file; here the worker of the search runs in a hidden frame, so that
// the site can be searched from a disk. The theme names a script on a server for this.
class FrameWorker extends EventTarget {
  constructor(url) {
    super();
    const frame = document.createElement("iframe");
    frame.hidden = true;
    document.body.appendChild(frame);
    this.frame = frame;
    const inside = frame.contentWindow;
    inside.postMessage = (data) => this.tell(data);
    inside.importScripts = (...urls) =>
      urls.reduce((before, one) => before.then(() => load(inside.document, one)), Promise.resolve());
    this.ready = load(inside.document, url);
  }

  tell(data) {
    const event = new MessageEvent("message", { data });
    this.dispatchEvent(event);
    if (this.onmessage) this.onmessage(event);
  }

  postMessage(data) {
    this.ready.then(() => {
      const event = new MessageEvent("message", { data: structuredClone(data) });
      this.frame.contentWindow.dispatchEvent(event);
    });
  }

  terminate() {
    this.frame.remove();
  }
}

function load(page, url) {
  return new Promise((resolve, reject) => {
    const script = page.createElement("script");
    Object.assign(script, { src: url, onload: resolve, onerror: reject });
    page.body.appendChild(script);
  });
}

if (location.protocol === "file:") window.Worker = FrameWorker;
