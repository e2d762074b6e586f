"""How the page looks, on a screen and on A4. Nothing is told by colour alone: it may be printed in black and white."""

STYLE = """
:root { --ink: #1c2430; --soft: #5d6b7a; --rule: #d9dfe6; --fine: #1d6f42; --off: #a3261f; --bar: #3b6ea8; }
* { box-sizing: border-box; }
body { margin: 0; background: #f3f5f8; color: var(--ink);
  font: 14px/1.45 system-ui, "Segoe UI", Roboto, Arial, sans-serif; }
main { max-width: 1180px; margin: 24px auto; padding: 32px 40px; background: #fff; border: 1px solid var(--rule); }
h1 { margin: 0 0 4px; font-size: 24px; font-weight: 600; }
h2 { margin: 28px 0 6px; font-size: 16px; font-weight: 600; }
p { margin: 0 0 8px; color: var(--soft); }
.verdict { display: flex; align-items: center; gap: 10px; margin: 12px 0; padding: 10px 14px; font-size: 18px;
  font-weight: 600; border-left: 5px solid; }
.verdict.fine { color: var(--fine); border-color: var(--fine); background: #eef7f1; }
.verdict.off { color: var(--off); border-color: var(--off); background: #fbefee; }
dl { display: flex; flex-wrap: wrap; gap: 8px 36px; margin: 12px 0 0; }
dt { color: var(--soft); font-size: 12px; } dd { margin: 0; font-weight: 600; }
header ul { margin: 12px 0 0; padding-left: 18px; color: var(--off); }
table { width: 100%; border-collapse: collapse; font-size: 13px; }
th { padding: 5px 8px; border-bottom: 2px solid var(--ink); text-align: left;
  font-weight: 600; vertical-align: bottom; }
td { padding: 5px 8px; border-bottom: 1px solid var(--rule); vertical-align: top; }
tfoot td { border-top: 2px solid var(--ink); border-bottom: 0; }
.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.b { font-weight: 600; } .s { font-size: 12px; color: var(--soft); min-width: 190px; }
.v { min-width: 110px; max-width: 170px; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.w { min-width: 84px; }
.charts { display: flex; flex-wrap: wrap; gap: 12px 40px; margin-top: 24px; }
figure { margin: 0; } figcaption { font-weight: 600; margin-bottom: 4px; }
svg { max-width: 100%; height: auto; } svg text { font-size: 12px; fill: var(--ink); }
.bar { fill: var(--bar); } .axis { stroke: var(--soft); } .drift { fill: none; stroke: var(--bar); stroke-width: 2; }
circle.fine { fill: var(--fine); } circle.off { fill: var(--off); }
.sign { display: flex; gap: 60px; margin-top: 56px; color: var(--soft); font-size: 12px; }
.sign div { flex: 1; } .sign span { display: block; height: 1px; margin-bottom: 4px; background: var(--ink); }
@page { size: A4 landscape; margin: 14mm; }
@media print {
  body { background: #fff; font-size: 11px; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  main { max-width: none; margin: 0; padding: 0; border: 0; }
  table { font-size: 10px; } thead { display: table-header-group; } tfoot { display: table-row-group; }
  tr, figure, .sign, header { break-inside: avoid; } h2 { break-after: avoid; }
}
"""
