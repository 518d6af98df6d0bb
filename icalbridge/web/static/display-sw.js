/* Lets a display start again without a network. Everything comes from the network where that answers;
   what it answered last is shown where it does not, or where somebody else answers: a captive portal,
   or a proxy without its server. Asked for only by pages below /display/. Promises and fetch are as
   old as workers. */

var STORE = 'display';
var PATIENCE = 8000;

self.addEventListener('install', function () { self.skipWaiting(); });
self.addEventListener('activate', function (event) {
  event.waitUntil(dropForeign().then(function () { return self.clients.claim(); }));
});

/* A display sends the addresses that its next start needs. */
self.addEventListener('message', function (event) {
  lasting(event, Promise.all(event.data.map(function (address) {
    var request = new Request(address);
    return fetch(request).then(function (response) { return keep(request, response); });
  })));
});

self.addEventListener('fetch', function (event) {
  if (event.request.method !== 'GET' || event.request.url.indexOf(self.location.origin) !== 0) { return; }
  event.respondWith(answer(event));
});

function isOurs(response) {
  return Boolean(response.headers.get('X-Icalbridge'));
}

function answer(event) {
  return patiently(fetch(event.request)).then(function (response) {
    if (!isOurs(response) || response.status >= 500) { return kept(event.request, response); }
    lasting(event, keep(event.request, response.clone()));
    return response;
  }, function (error) {
    return kept(event.request, null, error);
  });
}

/* Chromium before 59 refuses to wait for what begins later; it is done all the same. */
function lasting(event, work) {
  try { event.waitUntil(work); } catch (old) { /* goes on */ }
}

function patiently(fetching) {
  return new Promise(function (resolve, reject) {
    setTimeout(function () { reject(new TypeError('no answer')); }, PATIENCE);
    fetching.then(resolve, reject);
  });
}

/* Keeps one answer for each address; of an asset, whose address changes with its content, only the
   newest. */
function keep(request, response) {
  if (!response.ok || !isOurs(response)) { return Promise.resolve(); }
  return caches.open(STORE).then(function (store) {
    return store.put(request, response).then(function () {
      if (new URL(request.url).pathname.indexOf('/static/') < 0) { return undefined; }
      return store.keys(request, { ignoreSearch: true }).then(function (same) {
        return Promise.all(same.map(function (other) {
          return other.url === request.url ? undefined : store.delete(other);
        }));
      });
    });
  });
}

function kept(request, otherwise, error) {
  return caches.open(STORE).then(function (store) { return store.match(request); }).then(function (found) {
    if (found) { return request.mode === 'navigate' ? found : marked(found); }
    if (otherwise) { return otherwise; }
    throw error;
  });
}

/* What a worker before this one kept of others. */
function dropForeign() {
  return caches.open(STORE).then(function (store) {
    return store.keys().then(function (requests) {
      return Promise.all(requests.map(function (request) {
        return store.match(request).then(function (found) {
          return found && isOurs(found) ? undefined : store.delete(request);
        });
      }));
    });
  });
}

/* Whoever asks for data must be able to tell that it is not new. */
function marked(response) {
  var headers = new Headers(response.headers);
  headers.set('Display-Kept', '1');
  return response.blob().then(function (body) {
    return new Response(body, { status: 200, headers: headers });
  });
}
