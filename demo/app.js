// Makes the page quicker to use: posts the forms in the background, keeps the last requests in view, and runs the
// parallel requests. The server renders everything else; without this file the forms work as ordinary ones.
'use strict';

const HISTORY_ROWS = 6;
// The background thread brings changes to disk within rustdb.flush_interval, one second by default.
const FLUSHED_AFTER_MS = 1600;

// PHP's own web server may hand two connections that come in together to one worker, and then the second request
// stands in that worker's queue and never gets as far as the session. A moment later the worker is busy and does not
// accept any more.
const BETWEEN_STARTS_MS = 100;

const recent = [];
let refresh = 0;

function element(tag, className = '', text = '') {
    const made = document.createElement(tag);
    made.className = className;
    made.textContent = text;
    return made;
}

function duration(us) {
    if (us === null) return '–';
    if (us < 1000) return `${us} µs`;
    return us < 1e6 ? `${(us / 1000).toFixed(1)} ms` : `${(us / 1e6).toFixed(2)} s`;
}

function showHistory() {
    const table = document.querySelector('.history');
    const rows = recent.map(({ what, report }) => {
        const row = element('tr');
        const write = report.write === 'none' ? '–' : `${report.write}, ${duration(report.write_us)}`;
        row.append(...[what, report.source, duration(report.read_us), write].map((text) => element('td', '', text)));
        return row;
    });
    const head = element('tr');
    head.append(...['Request', 'From', 'Read', 'Write'].map((text) => element('th', '', text)));
    table.replaceChildren(head, ...rows);
}

function remember(what, reports) {
    recent.unshift(...reports.filter(Boolean).reverse().map((report) => ({ what, report })));
    recent.length = Math.min(recent.length, HISTORY_ROWS);
    if (recent.length > 0) showHistory();
}

function rememberPage(what) {
    remember(what, JSON.parse(document.querySelector('#request').dataset.reports));
    refreshLater();
}

function refreshLater() {
    clearTimeout(refresh);
    refresh = setTimeout(refreshMachine, FLUSHED_AFTER_MS);
}

async function refreshMachine() {
    const panel = document.querySelector('#machine');
    if (!panel) return;
    const html = await (await fetch('machine.php')).text();
    const fresh = new DOMParser().parseFromString(html, 'text/html').querySelector('#machine');
    if (fresh) panel.replaceWith(fresh);
}

function show(html) {
    const page = new DOMParser().parseFromString(html, 'text/html');
    for (const part of ['header', 'main']) {
        const fresh = document.adoptNode(page.querySelector(part));
        // A finished or running timeline outlives the forms around it.
        fresh.querySelector('[data-timeline]')?.replaceWith(document.querySelector('[data-timeline]'));
        fresh.querySelector('[data-start]')?.toggleAttribute('disabled', document.querySelector('[data-start]').disabled);
        document.querySelector(part).replaceWith(fresh);
    }
    prepare();
}

async function submit(event) {
    const form = event.target;
    event.preventDefault();
    const again = document.activeElement?.getAttribute('aria-label');
    const body = new URLSearchParams(new FormData(form));
    try {
        show(await (await fetch(form.action, { method: 'POST', body })).text());
    } catch {
        document.querySelector('.message').textContent = 'The server did not answer.';
        return;
    }
    rememberPage(body.get('product') ? `${body.get('action')} ${body.get('product')}` : body.get('action'));
    // Keyboard users stay at the button they pressed.
    if (again) document.querySelector(`[aria-label="${CSS.escape(again)}"]`)?.focus();
}

async function slow(token, readOnly, place) {
    await new Promise((resolve) => setTimeout(resolve, place * BETWEEN_STARTS_MS));
    const body = new URLSearchParams({ token, read_only: readOnly ? '1' : '0' });
    const answer = await (await fetch('slow.php', { method: 'POST', body })).json();
    if (answer.error) throw new Error(answer.error);
    return answer;
}

function bar(className, seconds, all) {
    const part = element('i', className);
    part.style.width = `${(100 * seconds) / all}%`;
    return part;
}

function drawBars(timeline, names, answers) {
    const bars = element('div', 'bars');
    const begin = answers && Math.min(...answers.map((a) => a.arrived));
    const all = answers && Math.max(...answers.map((a) => a.finished)) - begin;
    names.forEach((name, i) => {
        const track = element('div', 'track');
        let told = '…';
        if (answers) {
            const { arrived, opened, finished, report } = answers[i];
            const wait = report ? report.lock_wait_us : Math.round((opened - arrived) * 1e6);
            track.append(bar('before', arrived - begin, all), bar('waiting', opened - arrived, all), bar('working', finished - opened, all));
            told = wait < 1000 ? 'did not wait' : `waited ${duration(wait)}`;
            if (arrived - begin > 0.8) told = 'queued by the web server';
        } else {
            track.append(element('i', 'running'));
        }
        bars.append(element('b', '', name), track, element('span', 'told', told));
    });
    timeline.replaceChildren(bars);
}

async function runParallel(event) {
    const button = event.target;
    const { token } = document.querySelector('#parallel').dataset;
    const timeline = document.querySelector('[data-timeline]');
    const before = Number(document.querySelector('#counter').textContent);
    button.disabled = true;
    drawBars(timeline, ['A', 'B', 'C']);
    try {
        const answers = await Promise.all([slow(token, false, 0), slow(token, false, 1), slow(token, true, 2)]);
        const now = Math.max(...answers.map((a) => a.counter));
        drawBars(timeline, ['A', 'B', 'C'], answers);
        const legend = element('div', 'legend');
        for (const [className, text] of [['waiting', 'waiting for the session'], ['working', 'working']]) {
            const item = element('span');
            item.append(element('i', className), text);
            legend.append(item);
        }
        timeline.append(legend, element('p', 'note', `A and B each added one to the counter: ${before} → ${now}.`));
        document.querySelector('#counter').textContent = now;
        answers.forEach((answer, i) => remember(`slow ${'ABC'[i]}`, [answer.report]));
        await refreshMachine();
        refreshLater();
    } catch (error) {
        timeline.replaceChildren(element('p', 'note', error.message));
    }
    const current = document.querySelector('[data-start]');
    current.disabled = false;
}

function prepare() {
    document.querySelectorAll('form').forEach((form) => form.addEventListener('submit', submit));
    const start = document.querySelector('[data-start]');
    start.hidden = false;
    start.addEventListener('click', runParallel);
}

prepare();
rememberPage('page');
