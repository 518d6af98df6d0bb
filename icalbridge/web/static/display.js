/* Keeps a display true: asks for its data once a minute and draws what that means now, every second.

   ES5, for TV sets of 2018. It has no words of its own, and trusts nothing of the device: the
   clock is the server's, carried on by a counter that no one sets, and states and texts come from
   the server as a timeline. It never leaves the page, and whatever fails is tried again while the
   last good data stays on the wall. */

(function () {
  'use strict';

  var VERSION = 1;
  var POLL = 60, FIRST_RETRY = 10, LONGEST_RETRY = 300, PATIENCE = 20;
  var OLD = 15 * 60;
  var ASLEEP = 30, SET_RIGHT = 120;
  var MARK = 'X-Icalbridge', AN_HOUR = 3600;
  var MOST_PAGES = 5, SOON = 4 * 3600;
  var SCALES = [1.8, 1.6, 1.4, 1.25, 1.1];
  var DENSE = [{ scale: 1 }, { scale: 0.85 }, { scale: 0.7 }, { scale: 0.7, packed: true }];
  var PAGE_SECONDS = 12, SHIFT_SECONDS = 60, KEEP_SECONDS = 30;

  var display = document.getElementById('display'), main = document.getElementById('main');
  var prototype = document.getElementById('line').firstElementChild;
  var words = JSON.parse(document.getElementById('words').textContent);
  var board = JSON.parse(document.getElementById('board').textContent);
  var key = 'display ' + display.getAttribute('data-path');
  var anchor = anchorAt(Number(display.getAttribute('data-now')));
  var request = null, timer = 0, askedAt = 0, failures = 0;
  var prepared = false, upgrading = false, drawn = '', paged = '', sized = '', fitted = [], keptAt = 0;

  /* The clock. */

  function ticks() {
    return (window.performance && performance.now ? performance.now() : Date.now()) / 1000;
  }

  function deviceTime() {
    return Date.now() / 1000;
  }

  function anchorAt(server) {
    return { server: server, ticks: ticks(), lead: deviceTime() - ticks() };
  }

  function now() {
    return anchor.server + ticks() - anchor.ticks;
  }

  function setClock(server) {
    anchor = anchorAt(server);
  }

  /* The counter stands still while a device sleeps, and the device's clock does not: what that gains
     was slept through, unless it was wrong before and is right now. Returns whether it slept. */
  function wake() {
    var lead = deviceTime() - ticks(), gained = lead - anchor.lead;
    var error = deviceTime() - now();
    anchor.lead = lead;
    if (gained < ASLEEP || Math.abs(error) < SET_RIGHT && Math.abs(error - gained) > SET_RIGHT) { return false; }
    anchor.server += gained;
    return true;
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
      window.localStorage.setItem(key, JSON.stringify({ board: board, server: now(), device: deviceTime() }));
    } catch (full) { /* it goes on with what is in memory */ }
  }

  function isBoard(data) {
    return Boolean(data && data.version === VERSION && data.states);
  }

  /* A page out of a cache is older than what was last written down; one that was just served is newer. */
  function recall() {
    var last = stored();
    var usable = last && isBoard(last.board);
    if (usable && last.server >= anchor.server) { setClock(last.server + Math.max(0, deviceTime() - last.device)); }
    if (usable && (!board || last.server >= anchor.server)) { board = last.board; }
  }

  /* What a moment means: the board has every state and text ready, and only the clock decides. */

  function fill(word, values) {
    return words[word].replace(/\{(\w+)\}/g, function (whole, name) {
      return values.hasOwnProperty(name) ? values[name] : whole;
    });
  }

  function first(list, test) {
    return list.filter(test)[0] || null;
  }

  function last(list, test) {
    return list.filter(test).pop();
  }

  function span(seconds) {
    var all = Math.ceil(seconds / 60), hours = Math.floor(all / 60), minutes = all % 60;
    var word = hours && minutes ? 'hours' : hours ? 'full_hours' : 'minutes';
    return fill(word, { hours: String(hours), minutes: String(minutes) });
  }

  function minuteOfDay(at) {
    var offset = last(board.offsets, function (each) { return each[0] <= at; });
    return Math.floor((at + (offset ? offset[1] : 0)) / 60) % 1440;
  }

  function clock(at) {
    var hour = Math.floor(minuteOfDay(at) / 60), minute = minuteOfDay(at) % 60;
    return fill('clock', {
      hour: String(hour % 12 || 12),
      hour24: String(hour),
      hour24_of_two: (hour < 10 ? '0' : '') + hour,
      minute: (minute < 10 ? '0' : '') + minute,
      half: hour < 12 ? words.am : words.pm
    });
  }

  function viewAt(at) {
    var state = last(board.states, function (each) { return each.since <= at; });
    var day = first(board.days, function (each) { return each.start <= at && at < each.end; });
    var known = state.state === 'unknown' ? null : day;
    var left = (known ? known.lines : []).filter(function (each) { return entryOf(each).end.at > at; });
    var coming = left.filter(function (each) { return entryOf(each).start.at > at; });
    var next = first(coming, function (each) { return !entryOf(each).cancelled; }) || known && known.next;

    function entryOf(line) { return board.entries[line.entry]; }

    function written(line) {
      var entry = entryOf(line), kind = entry.cancelled ? 'cancelled' : entry.start.at <= at ? 'now' : 'upcoming';
      var mark = kind === 'upcoming' ? '' : words[kind];
      return {
        at: entry.start.at, start: line.start, end: line.end, title: entry.title, label: entry.label,
        place: entry.place, school: '', kind: kind, mark: mark
      };
    }

    function grouped(line) {
      var made = written(line), entry = entryOf(line);
      if (board.schools) { made.place = entry.facility; made.school = entry.school; }
      return made;
    }

    return {
      state: state.state,
      alone: !left.length && !next,
      hour: Math.floor(minuteOfDay(at) / 60),
      slots: {
        headline: state.headline,
        until: state.until,
        left: state.ends === null ? '' : span(state.ends - at),
        clock: clock(at),
        date: day ? day.name : '',
        as_of: at - board.as_of.at > OLD ? (day || board.days[board.days.length - 1]).as_of : '',
        empty: left.length || !known || known.more ? '' : words.nothing
      },
      beyond: known && known.more || 0,
      lines: {
        now: left.slice(0, left.length - coming.length).map(written),
        next: next ? [written(next)] : [],
        later: coming.filter(function (each) { return each !== next; }).map(written),
        today: left.map(grouped)
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
    made.startsAt = line.at;
    made.school = line.school;
    made.titles = [line.title, line.label || line.title];
    each('[data-field]', made, function (field) { field.textContent = line[field.getAttribute('data-field')]; });
    return made;
  }

  function draw(view) {
    document.body.className = (board.kind === 'facility' ? 'facility' : 'property') + ' ' + view.state + (view.alone ? ' alone' : '');
    document.title = board.title;
    each('[data-slot]', display, function (slot) {
      var name = slot.getAttribute('data-slot');
      var text = view.slots.hasOwnProperty(name) ? view.slots[name] : board[name];
      if (typeof text === 'string') { setText(slot, text); }
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

  /* How the lines fill the screen. */

  function setMark(line, name, wanted) {
    if (wanted) { line.setAttribute(name, ''); } else { line.removeAttribute(name); }
  }

  function heightOf(element) {
    return element.getBoundingClientRect().height;
  }

  /* Packs lines into columns that fit, each column and each school with its heading, and those into
     pages. */
  function pack(sized, space) {
    var pages = [], used = 0, column = 0, previous = null;
    sized.forEach(function (one) {
      var first = one.school && !(previous && previous.school === one.school);
      var need = one.height + (first ? one.heading : 0);
      if (!previous || used + need > space.room) {
        column = previous ? (column + 1) % space.columns : 0;
        if (column === 0) { pages.push([]); }
        first = Boolean(one.school);
        used = one.height + one.heading;
      } else {
        used += need;
      }
      pages[pages.length - 1].push({ line: one.line, first: first });
      previous = one;
    });
    return pages;
  }

  function count(pages) {
    return pages.reduce(function (sum, page) { return sum + page.length; }, 0);
  }

  /* Leaves out what is farthest, never what is on before what comes, until the pages take no longer
     than a minute. */
  function packInTime(sized, space) {
    var pages = pack(sized, space), starts, most;
    while (pages.length > MOST_PAGES) {
      starts = sized.map(function (one) { return one.line.startsAt; }).sort(function (a, b) { return a - b; });
      most = count(pages.slice(0, MOST_PAGES));
      sized = sized.filter(earlierThan(starts[most], starts, most));
      pages = pack(sized, space);
    }
    return balance(sized, space, pages);
  }

  /* Pages of about the same height instead of full ones and a rest. The lines of columns are arranged by
     the style sheet, which knows full ones only. */
  function balance(sized, space, pages) {
    var part, packed;
    for (part = 29; part > 0 && space.columns === 1; part -= 1) {
      packed = pack(sized, { room: space.room * part / 30, columns: 1 });
      if (packed.length > pages.length) { break; }
      pages = packed;
    }
    return pages;
  }

  /* Of those that begin with the first one left out as many stay as there is room for. */
  function earlierThan(start, starts, most) {
    var same = most - starts.indexOf(start);
    return function (one) {
      if (one.line.startsAt !== start) { return one.line.startsAt < start; }
      same -= 1;
      return same >= 0;
    };
  }

  function isCut(title) {
    return title.scrollHeight > title.clientHeight + 2;
  }

  /* When the first one begins that no page has. */
  function firstLeftOut(lines, pages) {
    var shown = pages.reduce(function (all, page) { return all.concat(page); }, []);
    return Math.min.apply(null, lines.filter(function (line) {
      return !shown.some(function (one) { return one.line === line; });
    }).map(function (line) { return line.startsAt; }));
  }

  /* A title has a third line where two do not hold it, and its name is cut where three do not. Returns
     how many are shortened so, and whether one does not fit even then. */
  function fitTitles(lines) {
    var titles = lines.map(function (line) { return line.querySelector('.title'); }), long, short;
    titles.forEach(function (title, i) { setText(title, lines[i].titles[0]); });
    long = titles.map(isCut);
    lines.forEach(function (line, i) { setMark(line, 'data-long', long[i]); });
    short = titles.map(display.classList.contains('packed') ? Boolean : isCut);
    titles.forEach(function (title, i) { if (short[i]) { setText(title, lines[i].titles[1]); } });
    return {
      cut: titles.some(isCut),
      shortened: lines.filter(function (line, i) { return short[i] && line.titles[0] !== line.titles[1]; }).length
    };
  }

  function fitList(list) {
    var lines = Array.prototype.slice.call(list.children), titles, sized, columns, pages;
    setClass(list, 'measured', true);
    lines.forEach(function (line) {
      setHidden(line, false);
      setMark(line, 'data-first', false);
      setMark(line, 'data-long', false);
    });
    if (!lines.length || !lines[0].offsetHeight) { return null; }
    titles = fitTitles(lines);
    sized = lines.map(function (line) {
      return { line: line, school: line.school, height: heightOf(line), heading: 0 };
    });
    if (lines[0].school) {
      lines.forEach(function (line) { setMark(line, 'data-first', true); });
      sized.forEach(function (one) { one.heading = heightOf(one.line.firstElementChild); });
      lines.forEach(function (line) { setMark(line, 'data-first', false); });
    }
    setClass(list, 'measured', false);
    columns = Math.max(1, Math.round(list.clientWidth / lines[0].offsetWidth));
    pages = packInTime(sized, {
      room: columns > 1 ? heightOf(list) + 0.01 : list.clientHeight + 1,
      columns: columns
    });
    return {
      lines: lines,
      pages: pages,
      whole: isWhole(list, sized),
      cut: titles.cut,
      shortened: titles.shortened,
      more: lines.length - count(pages),
      leftOut: firstLeftOut(lines, pages)
    };
  }

  /* Whether any line of a list is seen whole when it is its turn. */
  function isWhole(list, sized) {
    var tallest = Math.max.apply(null, sized.map(function (one) { return one.height + one.heading; }));
    return list.clientHeight + 1 >= tallest
      && list.getBoundingClientRect().bottom <= main.getBoundingClientRect().bottom + 1;
  }

  function fitAt(scale) {
    var fits = [];
    main.style.fontSize = scale + 'rem';
    each('[data-lines]', display, function (list) {
      var fit = fitList(list);
      if (fit) { fits.push(fit); }
    });
    return fits;
  }

  function areWhole(fits) {
    return fits.every(function (fit) { return fit.whole; });
  }

  function areOnePage(fits) {
    return areWhole(fits) && fits.every(function (fit) { return fit.pages.length === 1 && !fit.cut; });
  }

  function countShortened(fits) {
    return fits.reduce(function (sum, fit) { return sum + fit.shortened; }, 0);
  }

  function showSoon(fits, at) {
    return fits.every(function (fit) { return fit.leftOut > at + SOON; });
  }

  /* Columns, and smaller letters down to what is read from across a room, until what is on and what
     comes soon is shown. */
  function fitDense(fits, at) {
    var i;
    for (i = 0; i < DENSE.length && !showSoon(fits, at); i += 1) {
      setClass(display, 'dense', true);
      setClass(display, 'packed', Boolean(DENSE[i].packed));
      fits = fitAt(DENSE[i].scale);
    }
    return fits;
  }

  /* The largest letters with which everything is on one page and as whole as with the smallest; else
     those, and pages. */
  function fitScreen(at) {
    var fits, shortened, i;
    setClass(main, 'tight', false);
    setClass(display, 'dense', false);
    setClass(display, 'packed', false);
    fits = fitAt(1);
    if (!areWhole(fits)) {
      setClass(main, 'tight', true);
      return fitAt(1);
    }
    if (!areOnePage(fits)) { return board.kind === 'facility' ? fits : fitDense(fits, at); }
    shortened = countShortened(fits);
    for (i = 0; i < SCALES.length; i += 1) {
      fits = fitAt(SCALES[i]);
      if (areOnePage(fits) && countShortened(fits) <= shortened) { return fits; }
    }
    return fitAt(1);
  }

  /* Which page of a list is seen follows from the time alone, so that displays side by side turn together. */
  function turn(at, beyond) {
    var most = 1, seen = 1, more = beyond;
    fitted.forEach(function (fit) {
      var number = Math.floor(at / PAGE_SECONDS) % fit.pages.length;
      fit.lines.forEach(function (line) { setHidden(line, true); });
      fit.pages[number].forEach(function (one) {
        setHidden(one.line, false);
        setMark(one.line, 'data-first', one.first);
      });
      if (fit.pages.length > most) { most = fit.pages.length; seen = number + 1; }
      more += fit.more;
    });
    each('[data-slot=page]', display, function (slot) {
      setText(slot, most > 1 ? fill('page', { page: String(seen), pages: String(most) }) : '');
    });
    each('[data-slot=more]', display, function (slot) {
      setText(slot, more ? fill('more', { count: String(more) }) : '');
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
    var slept = wake(), at = now(), view, text, page, size;
    if (slept) { askNow(); }
    shift(at);
    if (!board) { return; }
    view = viewAt(at);
    text = JSON.stringify(view);
    page = Math.floor(at / PAGE_SECONDS);
    size = window.innerWidth + ' ' + window.innerHeight;
    setClass(document.documentElement, 'live', true);
    setClass(document.documentElement, 'dim', isDimmed(view.hour));
    if (text !== drawn) { draw(view); }
    if (text !== drawn || size !== sized) { fitted = fitScreen(at); }
    if (text !== drawn || size !== sized || page !== paged) { turn(at, view.beyond); }
    drawn = text;
    sized = size;
    paged = page;
    if (at - keptAt >= KEEP_SECONDS || at < keptAt) { store(); }
  }

  /* New data. */

  function take(answer) {
    var before = board, age = Number(answer.getResponseHeader('Age')) || 0;
    var server = Number(answer.getResponseHeader('Display-Now')) ||
      Math.floor(Date.parse(answer.getResponseHeader('Date')) / 1000);  /* of a static host */
    var news = JSON.parse(answer.responseText);
    if (!isBoard(news) || !(server > 0)) { throw new Error(); }
    if (answer.getResponseHeader('Display-Kept')) {
      if (!board) { board = news; setClock(Math.max(server, now())); }
      throw new Error();
    }
    try {
      board = news;
      viewAt(server);
    } catch (unusable) {
      board = before;
      throw unusable;
    }
    setClock(server + age);
    store();
    prepare();
  }

  /* A new version comes by one reload, and only where it is really there: during an upgrade the old
     one may still answer, and where no worker is, a page that does not load would hang there. */
  function upgrade(version) {
    var page = new XMLHttpRequest();
    if (!version || version === display.getAttribute('data-version') || upgrading) { return; }
    upgrading = true;
    page.onload = page.onerror = page.ontimeout = function () {
      upgrading = false;
      if (page.status && page.getResponseHeader(MARK) === version && mayReload(version)) { location.reload(); }
    };
    page.open('GET', location.href);
    page.timeout = PATIENCE * 1000;
    page.setRequestHeader('Cache-Control', 'max-age=0');
    page.send();
  }

  /* Once for a version, and again after an hour only; likewise where nothing can be written down. */
  function mayReload(version) {
    var name = key + ' version', last;
    try {
      last = JSON.parse(window.localStorage.getItem(name));
      if (last && last.version === version && now() < last.at + AN_HOUR) { return false; }
      window.localStorage.setItem(name, JSON.stringify({ version: version, at: now() }));
      return true;
    } catch (unwritable) {
      return ticks() > AN_HOUR;
    }
  }

  function again(good) {
    failures = good ? 0 : failures + 1;
    var wait = good ? POLL : Math.min(LONGEST_RETRY, FIRST_RETRY * Math.pow(2, failures - 1));
    timer = setTimeout(poll, wait * 1000 * (good ? 1 : 0.75 + Math.random() / 4));
  }

  function poll() {
    var sent = new XMLHttpRequest();
    function finish() {
      var good = false;
      if (request !== sent) { return; }
      request = null;
      try {
        if (!sent.getResponseHeader('Display-Kept')) { upgrade(sent.getResponseHeader(MARK)); }
        if (sent.status === 200) { take(sent); good = true; }
      } catch (unusable) { /* what is on the wall stays there */ }
      again(good);
      look();
    }
    request = sent;
    askedAt = ticks();
    sent.onload = sent.onerror = sent.ontimeout = sent.onabort = finish;
    try {
      sent.open('GET', display.getAttribute('data-path'));
      sent.timeout = PATIENCE * 1000;
      sent.setRequestHeader('Cache-Control', 'max-age=0');
      sent.send();
    } catch (refused) {
      finish();
    }
  }

  /* A request that is under way may wait for a network that is gone. */
  function askNow() {
    var given = request;
    request = null;
    clearTimeout(timer);
    if (given) { given.abort(); }
    failures = 0;
    poll();
  }

  function askWhenSeen() {
    if (document.hidden) { return; }
    look();
    if (ticks() - askedAt >= FIRST_RETRY) { askNow(); }
  }

  /* The next start may be without a network: what it needs is fetched for keeping once it can be. */
  function prepare() {
    try {
      if (prepared || !navigator.serviceWorker) { return; }
    } catch (sandboxed) {
      return;
    }
    prepared = true;
    navigator.serviceWorker.register(display.getAttribute('data-worker')).then(function () {
      return navigator.serviceWorker.ready;
    }).then(function (registration) {
      var needed = [location.href];
      each('link[rel=stylesheet]', document, function (link) { needed.push(link.href); });
      each('script[src]', document, function (script) { needed.push(script.src); });
      registration.active.postMessage(needed);
    })['catch'](function () { /* without one, a display that keeps running loses nothing */ });
  }

  recall();
  look();
  setInterval(look, 1000);
  window.addEventListener('online', askNow);
  document.addEventListener('visibilitychange', askWhenSeen);
  poll();
}());
