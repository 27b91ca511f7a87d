// SPDX-License-Identifier: GPL-2.0
//
// Draws the time line of a page that timeline_page.py writes, as SVG: CPUs and memory as lanes, each
// client's calls in its colour, what was refused and what failed as marks, and below the sizes of pools.
// Only what is seen is drawn, and what is less than a pixel apart is drawn as one, so that a log with many
// thousands of calls can be looked at.

"use strict";

const SVG = "http://www.w3.org/2000/svg";
const LEFT = 190, RIGHT = 12, TOP = 8, LANE = 34, POOL = 46, AXIS = 26;
const CALLS = 12, EVENTS = 7;          // heights of the two rows of a lane
const NEAREST = 1e-7;                  // of all of it, at the least
// Colours that can be told apart, also on a dark page. The last one is for all further clients.
const COLOURS = ["#4c8fd6", "#3f9e6e", "#8864c4", "#c98a1b", "#c2588f", "#2a9aa8", "#8b9a2e", "#a06a4b",
		 "#8a929c"];
const STYLE = `
text { font: 12px system-ui, sans-serif; fill: #1b1f24 }
.dim { fill: #57606a }
.rail, .axis { stroke: #d5d9de }
.use { fill: #4c8fd6; opacity: .16 }
.veto { fill: #d1242f } .failure { fill: #e07b00 } .refusal { fill: #1b1f24 }
.workers { stroke: #3f9e6e } .buffers { stroke: #8864c4 }
.workers, .buffers { fill: none; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
	text { fill: #e3e6ea } .dim { fill: #9aa4af } .rail, .axis { stroke: #363c44 }
	.refusal { fill: #e3e6ea }
}`;

const NOBODY = "none";                 // the client of an event that nobody was notified of
const colour = client => log.clients[client] === NOBODY ? COLOURS[COLOURS.length - 1] :
	COLOURS[Math.min(client, COLOURS.length - 1)];

// ---------------------------------------------------------------- two scales: time, and order

// A call takes microseconds, and the next one may come seconds later. By order, what happens at any
// moment has as much room as at any other.
const moments = (() => {
	const all = new Set([0, log.end]);
	for (const lane of log.lanes) {
		for (const [begin, end] of lane.calls)
			all.add(begin).add(end);
		for (const [time] of lane.marks)
			all.add(time);
	}
	for (const pool of log.pools)
		for (const [time] of pool.sizes)
			all.add(time);
	return Float64Array.from(all).sort();
})();

// The number of moments before this time, with a fraction in between two of them.
function rank(time) {
	let low = 0, high = moments.length - 1;
	while (low < high) {
		const middle = (low + high + 1) >> 1;
		if (moments[middle] <= time)
			low = middle;
		else
			high = middle - 1;
	}
	const next = moments[low + 1];
	return next === undefined ? low : low + Math.max(time - moments[low], 0) / (next - moments[low]);
}

const scales = {
	time: {
		button: "by order",
		place: time => log.end ? time / log.end : 0,
		time: place => place * log.end,
	},
	order: {
		button: "by time",
		place: time => moments.length > 1 ? rank(time) / (moments.length - 1) : 0,
		time: place => {
			const at = Math.min(Math.max(place, 0), 1) * (moments.length - 1);
			const low = Math.min(Math.floor(at), moments.length - 2);
			return low < 0 ? 0 : moments[low] + (at - low) * (moments[low + 1] - moments[low]);
		},
	},
};

let scale = scales.order;
let from = 0, to = 1;                  // which part of the scale is seen

// ---------------------------------------------------------------- drawing

function element(name, attributes, text) {
	const made = document.createElementNS(SVG, name);
	for (const [key, value] of Object.entries(attributes))
		made.setAttribute(key, value);
	if (text !== undefined)
		made.textContent = text;
	return made;
}

const width = () => Math.max(document.getElementById("place").clientWidth, 480);
const across = () => width() - LEFT - RIGHT;
const x = time => LEFT + (scale.place(time) - from) / (to - from) * across();
const seen = (left, right) => right >= LEFT && left <= width() - RIGHT;
const inside = at => Math.min(Math.max(at, LEFT), width() - RIGHT);

// Adds a rectangle for each call, or one for several that are less than a pixel apart.
function drawCalls(svg, lane, y) {
	const last = {};
	for (const call of lane.calls) {
		const [begin, end, client, kind, state, line] = call;
		let left = x(begin), right = Math.max(x(end), left + 1.5);
		if (!seen(left, right))
			continue;
		left = inside(left);
		right = inside(right);
		const row = kind === "event" ? "event" : "call";
		const before = last[`${row} ${client}`];
		if (before && left - before.right < 1 && right - left < 3) {
			before.right = Math.max(before.right, right);
			before.rect.setAttribute("width", before.right - before.left);
			before.calls.push(call);
			before.title.textContent = `${before.calls.length} calls of ${log.clients[client]}`;
			continue;
		}
		const rect = element("rect", {
			x: left, width: right - left, y: row === "event" ? y + CALLS + 2 : y,
			height: row === "event" ? EVENTS : CALLS, fill: colour(client), rx: 1,
		});
		const title = element("title", {}, `${state}, ${log.clients[client]}\n${line}`);
		rect.append(title);
		svg.append(rect);
		const drawn = {left, right, rect, title, calls: [call]};
		rect.addEventListener("click", () => choose(drawn.calls.map(
			one => `${(one[0]).toFixed(6)} s: ${one[5]}`)));
		last[`${row} ${client}`] = drawn;
		const room = Math.floor((right - left - 6) / 6.5);
		if (room >= state.length && row === "call")
			svg.append(element("text", {x: left + 4, y: y + CALLS - 2, "pointer-events": "none",
						    style: "font-size: 10px; fill: #fff"}, state));
	}
}

// Marks of one kind that are less than some pixels apart are one.
function drawMarks(svg, marks, kind, y) {
	let last;
	for (const [time, text] of marks) {
		const at = x(time);
		if (!seen(at - 5, at + 5))
			continue;
		if (last && at - last.at < 4) {
			last.texts.push(text);
			last.title.textContent = `${last.texts.length}: ${last.texts[0]} ...`;
			continue;
		}
		const shape = {
			veto: `M${at} ${y - 3}l5 7l-5 7l-5 -7z`,
			failure: `M${at} ${y - 3}l6 11h-12z`,
			refusal: `M${at - 4} ${y - 2}h8v8h-8z`,
		}[kind];
		const path = element("path", {class: kind, d: shape});
		const title = element("title", {}, text);
		path.append(title);
		svg.append(path);
		const drawn = {at, title, texts: [text]};
		path.addEventListener("click", () => choose(drawn.texts));
		last = drawn;
	}
}

function drawLane(svg, lane, y) {
	svg.append(element("text", {x: LEFT - 10, y: y + CALLS, "text-anchor": "end"}, lane.name));
	svg.append(element("line", {class: "rail", x1: LEFT, x2: width() - RIGHT, y1: y + LANE - 8,
				    y2: y + LANE - 8}));
	for (const [begin, end] of lane.use) {
		if (!seen(x(begin), x(end)))
			continue;
		const bar = element("rect", {class: "use", x: inside(x(begin)), y: y - 3,
					     width: Math.max(inside(x(end)) - inside(x(begin)), 0.5),
					     height: LANE - 6});
		bar.append(element("title", {}, `${lane.name} is in use`));
		svg.append(bar);
	}
	drawCalls(svg, lane, y);
	for (const kind of ["failure", "veto"])
		drawMarks(svg, lane.calls.filter(call => call[3] === kind).map(
			call => [call[1], `${kind}: ${call[5]}`]), kind, y);
	drawMarks(svg, lane.marks, "refusal", y);
}

// Steps: a size holds until the next one.
function drawSize(svg, sizes, which, kind, y) {
	const most = Math.max(...sizes.map(one => one[which]), 1);
	const height = value => y + POOL - 14 - value / most * (POOL - 20);
	let path = "", before;
	for (const one of [...sizes, [log.end, ...sizes[sizes.length - 1].slice(1)]]) {
		const at = inside(x(one[0]));
		path += before === undefined ? `M${at} ${height(one[which])}` :
			`H${at}V${height(one[which])}`;
		before = at;
	}
	svg.append(element("path", {class: kind, d: path}));
	return most;
}

function drawPool(svg, pool, y) {
	svg.append(element("text", {x: LEFT - 10, y: y + 12, "text-anchor": "end"}, `pool ${pool.name}`));
	svg.append(element("line", {class: "rail", x1: LEFT, x2: width() - RIGHT, y1: y + POOL - 8,
				    y2: y + POOL - 8}));
	const workers = drawSize(svg, pool.sizes, 1, "workers", y);
	const buffers = drawSize(svg, pool.sizes, 2, "buffers", y);
	const words = element("text", {class: "dim", x: LEFT - 10, y: y + 28, "text-anchor": "end"});
	words.append(element("tspan", {style: "fill: #3f9e6e"}, `≤ ${workers} workers`),
		     element("tspan", {style: "fill: #8864c4"}, `, ≤ ${buffers} buffers`));
	svg.append(words);
}

// Moments with as many digits as it takes to tell them apart, but not below what is logged.
function labels(times) {
	let words;
	for (let digits = 1; digits <= 6; digits++) {
		words = times.map(time => `${time.toFixed(digits)} s`);
		if (new Set(words).size === words.length)
			break;
	}
	return words;
}

function drawAxis(svg, y) {
	const ticks = Math.max(Math.floor(across() / 110), 2);
	const places = Array.from({length: ticks + 1}, (_, tick) => tick / ticks);
	const words = labels(places.map(at => scale.time(from + at * (to - from))));
	places.forEach((place, tick) => {
		const at = LEFT + place * across();
		svg.append(element("line", {class: "axis", x1: at, x2: at, y1: TOP, y2: y + 5}));
		svg.append(element("text", {class: "dim", x: at, y: y + 18, "text-anchor":
					    tick === ticks ? "end" : "middle"}, words[tick]));
	});
}

function draw() {
	const height = TOP + log.lanes.length * LANE + log.pools.length * POOL;
	const svg = element("svg", {xmlns: SVG, viewBox: `0 0 ${width()} ${height + AXIS}`, role: "img",
				    "aria-label": document.title});
	svg.append(element("style", {}, STYLE));
	drawAxis(svg, height);
	log.lanes.forEach((lane, number) => drawLane(svg, lane, TOP + number * LANE + 4));
	log.pools.forEach((pool, number) =>
		drawPool(svg, pool, TOP + log.lanes.length * LANE + number * POOL + 4));
	document.getElementById("place").replaceChildren(svg);
	document.getElementById("scale").textContent = scale.button;
}

function choose(lines) {
	const more = lines.length > 20 ? [`and ${lines.length - 20} more`] : [];
	document.getElementById("chosen").textContent = [...lines.slice(0, 20), ...more].join("\n");
}

// ---------------------------------------------------------------- moving about

function show(left, right) {
	const span = Math.min(Math.max(right - left, NEAREST), 1);
	from = Math.min(Math.max(left, 0), 1 - span);
	to = from + span;
	draw();
}

// Nearer or farther, with what is below the pointer staying there.
function zoom(factor, at = 0.5) {
	const centre = from + (to - from) * at;
	show(centre - (centre - from) * factor, centre + (to - centre) * factor);
}

function move(part) {
	const span = to - from;
	const left = Math.min(Math.max(from + part * span, 0), 1 - span);
	show(left, left + span);
}

const place = document.getElementById("place");
place.addEventListener("wheel", event => {
	event.preventDefault();
	const at = (event.clientX - place.getBoundingClientRect().left - LEFT) / across();
	zoom(event.deltaY > 0 ? 1.25 : 0.8, Math.min(Math.max(at, 0), 1));
}, {passive: false});

let dragged = null;
place.addEventListener("pointerdown", event => { dragged = event.clientX; });
addEventListener("pointerup", () => { dragged = null; });
addEventListener("pointermove", event => {
	if (dragged === null || Math.abs(event.clientX - dragged) < 3)
		return;
	move((dragged - event.clientX) / across());
	dragged = event.clientX;
});
addEventListener("keydown", event => {
	const act = {"+": () => zoom(0.67), "-": () => zoom(1.5), ArrowLeft: () => move(-0.2),
		     ArrowRight: () => move(0.2), 0: () => show(0, 1)}[event.key];
	if (act) {
		event.preventDefault();
		act();
	}
});
document.getElementById("all").addEventListener("click", () => show(0, 1));
document.getElementById("scale").addEventListener("click", () => {
	// What is seen stays in sight.
	const [left, right] = [scale.time(from), scale.time(to)];
	scale = scale === scales.order ? scales.time : scales.order;
	show(scale.place(left), scale.place(right));
});
addEventListener("resize", draw);

log.clients.slice(0, 24).forEach((client, number) => {
	const entry = document.createElement("span"), chip = document.createElement("i");
	chip.style.background = colour(number);
	entry.append(chip, client === NOBODY ? "events for no client" : client);
	document.getElementById("legend").append(entry);
});
draw();
