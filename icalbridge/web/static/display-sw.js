/* Lets a display start again without a network. Everything comes from the network where that answers; what it answered
   last is shown where it does not. Asked for only by pages below /display/. Promises and fetch are as old as workers. */

var STORE = 'display';
var PATIENCE = 8000;

self.addEventListener('install', function () { self.skipWaiting(); });
self.addEventListener('activate', function (event) { event.waitUntil(self.clients.claim()); });

self.addEventListener('fetch', function (event) {
  if (event.request.method !== 'GET' || event.request.url.indexOf(self.location.origin) !== 0) { return; }
  event.respondWith(answer(event));
});

function answer(event) {
  return patiently(fetch(event.request)).then(function (response) {
    if (response.status >= 500) { return kept(event.request, response); }
    if (response.ok) { event.waitUntil(keep(event.request, response.clone())); }
    return response;
  }, function (error) {
    return kept(event.request, null, error);
  });
}

function patiently(fetching) {
  return new Promise(function (resolve, reject) {
    setTimeout(function () { reject(new TypeError('no answer')); }, PATIENCE);
    fetching.then(resolve, reject);
  });
}

/* Keeps one answer for each address; of an asset, whose address changes with its content, only the newest. */
function keep(request, response) {
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

/* Whoever asks for data must be able to tell that it is not new. */
function marked(response) {
  var headers = new Headers(response.headers);
  headers.set('Display-Kept', '1');
  return response.blob().then(function (body) {
    return new Response(body, { status: 200, headers: headers });
  });
}
