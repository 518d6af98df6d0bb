/* Keeps a display true: asks for its data once a minute and draws what that means now, every second.

   ES5, for TV sets of 2018. It decides as icalbridge/web/glance.py does, has no words of its own, and trusts nothing of
   the device: the clock is the server's, carried on by a counter that no one sets, and texts of times come from the
   server. It never leaves the page, and whatever fails is tried again while the last good data stays on the wall. */

(function () {
  'use strict';

  var VERSION = 1;
  var POLL = 60, FIRST_RETRY = 10, LONGEST_RETRY = 300, PATIENCE = 20;
  var OLD = 15 * 60;
  var PAGE_SECONDS = 12, SHIFT_SECONDS = 60, KEEP_SECONDS = 30;

  var display = document.getElementById('display');
  var prototype = document.getElementById('line').firstElementChild;
  var words = JSON.parse(document.getElementById('words').textContent);
  var board = JSON.parse(document.getElementById('board').textContent);
  var key = 'display ' + display.getAttribute('data-path');
  var anchor = { server: Number(display.getAttribute('data-now')), ticks: ticks() };
  var prepared = false, failures = 0, drawn = '', paged = '', keptAt = 0;

  /* The clock. */

  function ticks() {
    return (window.performance && performance.now ? performance.now() : Date.now()) / 1000;
  }

  function now() {
    return anchor.server + ticks() - anchor.ticks;
  }

  function setClock(server) {
    anchor = { server: server, ticks: ticks() };
  }

  /* What outlives the page. */

  function stored() {
    try {
      return JSON.parse(window.localStorage.getItem(key));
    } catch (none) {
      return null;
    }
  }

  function store() {
    keptAt = now();
    try {
      window.localStorage.setItem(key, JSON.stringify({ board: board, server: now(), device: Date.now() / 1000 }));
    } catch (full) { /* it goes on with what is in memory */ }
  }

  /* A page out of a cache is older than what was last written down; one that was just served is newer. */
  function recall() {
    var last = stored();
    var usable = last && last.board && last.board.version === VERSION;
    if (usable && last.server >= anchor.server) { setClock(last.server + Math.max(0, Date.now() / 1000 - last.device)); }
    if (usable && (!board || last.server >= anchor.server)) { board = last.board; }
  }

  /* What a moment means: glance.py in another language. */

  function fill(word, values) {
    return words[word].replace(/\{(\w+)\}/g, function (whole, name) {
      return values.hasOwnProperty(name) ? values[name] : whole;
    });
  }

  function first(list, test) {
    for (var i = 0; i < list.length; i += 1) {
      if (test(list[i])) { return list[i]; }
    }
    return null;
  }

  function glance(at) {
    var day = first(board.days, function (each) { return each.start <= at && at < each.end; });
    var known = day !== null && at < board.until;
    var left = known ? board.entries.filter(function (each) { return each.end.at > at; }) : [];
    var on = left.filter(function (each) { return each.start.at <= at; });
    var coming = left.filter(function (each) { return each.start.at > at; });
    var today = coming.filter(isToday);
    var next = first(coming, isOn);
    var state = stateOf();

    function isOn(entry) { return !entry.cancelled; }
    function isToday(entry) { return entry.start.at < day.end; }

    function isTomorrow(moment) {
      return day !== null && first(board.days, function (each) {
        return each.start === day.end && each.date === moment.date;
      }) !== null;
    }

    function name(moment) { return isTomorrow(moment) ? words.tomorrow : moment.day; }

    function told(moment, beside) {
      if (day !== null && (moment.date === day.date || moment.date === beside)) { return moment.text; }
      return fill('on', { day: name(moment), time: moment.text });
    }

    function until(moment) {
      return isTomorrow(moment) ? fill('until_tomorrow', { time: moment.text }) : fill('until', { time: told(moment) });
    }

    function span(end) {
      var minutes = Math.ceil((end - at) / 60);
      if (minutes < 60) { return fill('minutes', { minutes: String(minutes) }); }
      if (minutes % 60 === 0) { return fill('full_hours', { hours: String(minutes / 60) }); }
      return fill('hours', { hours: String(Math.floor(minutes / 60)), minutes: String(minutes % 60) });
    }

    function endOf(running) {
      var end = running[0].end;
      running.forEach(function (each) { if (each.end.at > end.at) { end = each.end; } });
      coming.forEach(function (each) {
        if (isOn(each) && each.start.at <= end.at && end.at < each.end.at) { end = each.end; }
      });
      return end;
    }

    function stateOf() {
      var running = on.filter(isOn), end;
      if (!known) { return { name: 'unknown', until: '', left: '' }; }
      if (running.length) {
        end = endOf(running);
        return { name: 'busy', until: until(end), left: span(end.at) };
      }
      if (next && isToday(next)) {
        return { name: 'free', until: until(next.start), left: span(next.start.at) };
      }
      return { name: 'free', until: words.rest, left: '' };
    }

    function clock() {
      var offset = 0, minutes, hour, minute;
      board.offsets.forEach(function (each) { if (each[0] <= at) { offset = each[1]; } });
      minutes = Math.floor((at + offset) / 60) % 1440;
      hour = Math.floor(minutes / 60);
      minute = minutes % 60;
      return {
        hour: hour,
        text: fill('clock', {
          hour: String(hour % 12 || 12),
          hour24: String(hour),
          hour24_of_two: (hour < 10 ? '0' : '') + hour,
          minute: (minute < 10 ? '0' : '') + minute,
          half: hour < 12 ? words.am : words.pm
        })
      };
    }

    function place(entry) {
      if (!board.schools || !entry.school) { return entry.facility; }
      return entry.facility ? fill('place', { facility: entry.facility, school: entry.school }) : entry.school;
    }

    function line(entry) {
      var kind = entry.cancelled ? 'cancelled' : entry.start.at <= at ? 'now' : 'upcoming';
      return {
        start: told(entry.start),
        end: told(entry.end, entry.start.date) + (entry.zone ? ' ' + entry.zone : ''),
        title: entry.title,
        place: place(entry),
        kind: kind,
        mark: kind === 'upcoming' ? '' : words[kind]
      };
    }

    return {
      state: state.name,
      alone: on.length === 0 && next === null && today.length === 0,
      hour: clock().hour,
      slots: {
        title: board.title,
        school: board.school,
        headline: words[state.name],
        until: state.until,
        left: state.left,
        clock: clock().text,
        date: day ? day.name : '',
        as_of: at - board.as_of.at > OLD ? fill('as_of', { time: told(board.as_of) }) : '',
        empty: on.length || today.length || !known ? '' : words.nothing
      },
      lines: {
        now: on.map(line),
        next: next ? [line(next)] : [],
        later: today.filter(function (each) { return each !== next; }).map(line),
        today: on.concat(today).map(line)
      }
    };
  }

  /* What is seen of it. */

  function each(selector, root, act) {
    Array.prototype.forEach.call(root.querySelectorAll(selector), act);
  }

  function setText(element, text) {
    if (element.textContent !== text) { element.textContent = text; }
  }

  function setHidden(element, hidden) {
    if (element.hidden !== hidden) { element.hidden = hidden; }
  }

  function setClass(element, name, wanted) {
    if (element.classList.contains(name) !== wanted) { element.classList.toggle(name); }
  }

  function element(line) {
    var made = prototype.cloneNode(true);
    made.className = 'line ' + line.kind;
    each('[data-field]', made, function (field) { field.textContent = line[field.getAttribute('data-field')]; });
    return made;
  }

  function draw(view) {
    document.body.className = board.kind + ' ' + view.state + (view.alone ? ' alone' : '');
    document.title = board.title;
    each('[data-slot]', display, function (slot) {
      var name = slot.getAttribute('data-slot');
      if (view.slots.hasOwnProperty(name)) { setText(slot, view.slots[name]); }
    });
    each('[data-lines]', display, function (list) {
      var lines = view.lines[list.getAttribute('data-lines')];
      list.textContent = '';
      lines.forEach(function (line) { list.appendChild(element(line)); });
      if (list.parentNode.className.indexOf('part') === 0) { setHidden(list.parentNode, lines.length === 0); }
    });
    each('.nothing', display, function (nothing) {
      nothing.className = view.slots.empty ? 'nothing' : 'nothing unused';
    });
  }

  /* Which page of a list is seen follows from the time alone, so that displays side by side turn together. */
  function turn(at) {
    var most = 1, seen = 1;
    each('[data-lines]', display, function (list) {
      var lines = list.children, room, pages, page, i;
      for (i = 0; i < lines.length; i += 1) { setHidden(lines[i], false); }
      if (!lines.length || !lines[0].offsetHeight) { return; }
      room = Math.max(1, Math.floor((list.clientHeight + 1) / lines[0].getBoundingClientRect().height));
      pages = Math.ceil(lines.length / room);
      page = Math.floor(at / PAGE_SECONDS) % pages;
      for (i = 0; i < lines.length; i += 1) { setHidden(lines[i], Math.floor(i / room) !== page); }
      if (pages > most) { most = pages; seen = page + 1; }
    });
    each('[data-slot=page]', display, function (slot) {
      setText(slot, most > 1 ? fill('page', { page: String(seen), pages: String(most) }) : '');
    });
  }

  /* Every minute a step along a small circle, against burning in. */
  function shift(at) {
    var angle = Math.floor(at / SHIFT_SECONDS) % 16 * Math.PI / 8;
    var reach = Math.min(window.innerWidth, window.innerHeight) / 200;
    var moved = [reach * Math.cos(angle), reach * Math.sin(angle)].map(function (each) { return each.toFixed(1) + 'px'; });
    display.style.transform = 'translate(' + moved.join(', ') + ')';
  }

  function isDimmed(hour) {
    var hours = display.getAttribute('data-dim').split('-').map(Number);
    if (hours.length < 2) { return false; }
    return hours[0] <= hours[1] ? hours[0] <= hour && hour < hours[1] : hour >= hours[0] || hour < hours[1];
  }

  function look() {
    var at = now(), view, text, page;
    shift(at);
    if (!board) { return; }
    view = glance(at);
    text = JSON.stringify(view);
    page = [Math.floor(at / PAGE_SECONDS), window.innerWidth, window.innerHeight].join(' ');
    setClass(document.documentElement, 'live', true);
    setClass(document.documentElement, 'dim', isDimmed(view.hour));
    if (text !== drawn) { draw(view); }
    if (text !== drawn || page !== paged) { turn(at); }
    drawn = text;
    paged = page;
    if (at - keptAt >= KEEP_SECONDS || at < keptAt) { store(); }
  }

  /* New data. */

  function take(request) {
    var before = board, age = Number(request.getResponseHeader('Age')) || 0;
    var server = Number(request.getResponseHeader('Display-Now'));
    var news = JSON.parse(request.responseText);
    if (news.version !== VERSION || !(server > 0)) { throw new Error(); }
    if (request.getResponseHeader('Display-Kept')) {
      if (!board) { board = news; setClock(Math.max(server, now())); }
      throw new Error();
    }
    try {
      board = news;
      glance(server);
    } catch (unusable) {
      board = before;
      throw unusable;
    }
    setClock(server + age);
    store();
    prepare();
  }

  function again(good) {
    failures = good ? 0 : failures + 1;
    var wait = good ? POLL : Math.min(LONGEST_RETRY, FIRST_RETRY * Math.pow(2, failures - 1));
    setTimeout(poll, wait * 1000 * (good ? 1 : 0.75 + Math.random() / 4));
  }

  function poll() {
    var request = new XMLHttpRequest(), done = false;
    function finish() {
      var good = false;
      if (done) { return; }
      done = true;
      try {
        if (request.status === 200) { take(request); good = true; }
      } catch (unusable) { /* what is on the wall stays there */ }
      again(good);
      look();
    }
    request.onload = request.onerror = request.ontimeout = request.onabort = finish;
    try {
      request.open('GET', display.getAttribute('data-path'));
      request.timeout = PATIENCE * 1000;
      request.setRequestHeader('Cache-Control', 'max-age=0');
      request.send();
    } catch (refused) {
      finish();
    }
  }

  /* The next start may be without a network: what it needs is fetched for keeping once it can be. */
  function prepare() {
    if (prepared || !('serviceWorker' in navigator)) { return; }
    prepared = true;
    navigator.serviceWorker.register(display.getAttribute('data-worker')).then(function () {
      var needed = [location.href];
      each('link[rel=stylesheet]', document, function (link) { needed.push(link.href); });
      each('script[src]', document, function (script) { needed.push(script.src); });
      return caches.open('display').then(function (kept) { return kept.addAll(needed); });
    })['catch'](function () { /* without one, a display that keeps running loses nothing */ });
  }

  recall();
  look();
  setInterval(look, 1000);
  poll();
}());
