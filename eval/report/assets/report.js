// Draws the charts of report.html from the JSON in the page, with uPlot. Colours come from the style sheet, so that light,
// dark and print are one place; a chart is drawn anew when the scheme or its width changes.
(function () {
  "use strict";
  var charts = JSON.parse(document.getElementById("data").textContent);
  var drawn = [];

  function colour(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

  function short(v) {
    if (v == null) return "–";
    if (v === 0) return "0";
    var a = Math.abs(v);
    if (a >= 1e6 || a < 1e-4) return v.toExponential(2);
    return String(Number(v.toPrecision(4)));
  }

  // uPlot wants one ascending x for all series. Points of different series get rows of their own, in order, with gaps that
  // the lines span; points with the same x (the steps of a ROC curve) stay apart.
  function align(series) {
    var points = [];
    series.forEach(function (s, i) { s.x.forEach(function (x, j) { if (x != null) points.push([x, i, j]); }); });
    points.sort(function (a, b) { return a[0] - b[0] || a[1] - b[1] || a[2] - b[2]; });
    var same = series.every(function (s) { return s.x === series[0].x || JSON.stringify(s.x) === JSON.stringify(series[0].x); });
    if (same) return [series[0].x].concat(series.map(function (s) { return s.y; }));
    var data = [points.map(function (p) { return p[0]; })];
    series.forEach(function (s, i) { data.push(points.map(function (p) { return p[1] === i ? s.y[p[2]] : null; })); });
    return data;
  }

  // The row with a value of the series that is nearest to the hovered row.
  function nearest(u, si, at) {
    var y = u.data[si], x = u.data[0];
    if (si === 0 || y[at] != null) return at;
    var l = at, r = at;
    while (l >= 0 && y[l] == null) l--;
    while (r < y.length && y[r] == null) r++;
    if (l < 0) return r < y.length ? r : at;
    if (r >= y.length) return l;
    return x[at] - x[l] <= x[r] - x[at] ? l : r;
  }

  function axis(label, extra) {
    var a = { label: label, labelSize: 20, labelGap: 0, font: "12px system-ui, sans-serif", labelFont: "12px system-ui, sans-serif",
      stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 },
      values: function (u, vs) { return vs.map(function (v) { return v == null ? "" : short(v); }); } };
    for (var k in extra) a[k] = extra[k];
    return a;
  }

  function draw(c, place) {
    var series, data, bars = c.kind === "bars";
    if (bars) {
      // A bar is drawn at the middle of its bin.
      var mid = [];
      for (var i = 0; i + 1 < c.edges.length; i++) mid.push((c.edges[i] + c.edges[i + 1]) / 2);
      data = [mid].concat(c.series.map(function (s) { return s.y; }));
    } else {
      var lines = c.series.slice();
      if (c.diagonal) {
        var lo = 0, hi = 1;
        if (!c.xrange) {
          var all = [];
          lines.forEach(function (s) { all = all.concat(s.x, s.y); });
          all = all.filter(function (v) { return v != null; });
          lo = Math.min.apply(null, all); hi = Math.max.apply(null, all);
        }
        lines.push({ name: c.diagonal, colour: 0, x: [lo, hi], y: [lo, hi], dash: true });
      }
      c = Object.assign({}, c, { series: lines });
      data = align(lines);
    }
    series = c.series.map(function (s) {
      var stroke = s.colour ? colour("--c" + s.colour) : colour("--muted");
      var o = { label: s.name, stroke: stroke, width: s.dash ? 1 : 2, spanGaps: true, points: { show: !!s.dots && !bars, size: 6, fill: stroke },
        value: function (u, v) { return short(v); } };
      if (s.dash) o.dash = [5, 4];
      if (bars) { o.paths = uPlot.paths.bars({ size: [1, Infinity], gap: 0 }); o.fill = stroke + "59"; o.width = 1; o.spanGaps = false; }
      return o;
    });
    var xs = { time: false }, ys = {};
    if (c.xrange) xs.range = c.xrange;
    if (c.yrange) ys.range = c.yrange;
    else if (bars) ys.range = function (u, lo, hi) { return [0, hi > 0 ? hi * 1.05 : 1]; };
    if (bars && !c.xrange) xs.range = [c.edges[0], c.edges[c.edges.length - 1]];
    if (c.whole) xs.range = function (u, lo, hi) { return lo === hi ? [lo - 1, hi + 1] : [lo, hi]; };
    var hooks = {};
    if (c.mark != null) hooks.draw = [function (u) {
      var x = Math.round(u.valToPos(c.mark, "x", true)), g = u.ctx;
      g.save(); g.strokeStyle = colour("--good"); g.setLineDash([4, 4]); g.lineWidth = 1.5;
      g.beginPath(); g.moveTo(x, u.bbox.top); g.lineTo(x, u.bbox.top + u.bbox.height); g.stroke(); g.restore();
    }];
    var width = Math.max(place.clientWidth, 200);
    place.textContent = "";
    var u = new uPlot({
      width: width, height: Math.round(Math.min(300, Math.max(220, width * 0.6))),
      scales: { x: xs, y: ys }, hooks: hooks,
      cursor: { dataIdx: nearest, y: false, drag: { x: true, y: false } },
      series: [{ label: c.x, value: function (u, v) { return short(v); } }].concat(series),
      axes: [axis(c.x, c.whole ? { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] } : {}), axis(c.y, { size: 56 })]
    }, data, place);
    place.setAttribute("role", "img");
    place.setAttribute("aria-label", "chart of " + c.y + " over " + c.x + "; the numbers are in the table");
    return u;
  }

  function drawAll() {
    drawn.forEach(function (u) { u.destroy(); });
    drawn = [];
    charts.forEach(function (c) {
      var place = document.getElementById("chart-" + c.id);
      if (place) drawn.push(draw(c, place));
    });
    document.documentElement.setAttribute("data-charts", String(drawn.length));
  }

  drawAll();
  var last = document.documentElement.clientWidth, timer = 0;
  window.addEventListener("resize", function () {
    clearTimeout(timer);
    timer = setTimeout(function () {
      if (document.documentElement.clientWidth !== last) { last = document.documentElement.clientWidth; drawAll(); }
    }, 150);
  });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
})();
