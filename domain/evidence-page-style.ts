/** How an evidence sheet looks, on a screen and on paper. */
export const sheetStyle = `@page{size:A4;margin:15mm}body{font:14px/1.45 system-ui,sans-serif;color:#1d2433;margin:0}main{max-width:180mm;margin:2em auto}
header{display:grid;grid-template-columns:1fr auto;align-items:baseline;border-bottom:2px solid #1d2433}header p{grid-column:1/-1;margin:0;color:#566}h1{font-size:22px;margin:.1em 0 .4em}
header .outcome{grid-column:auto;font-weight:700}.succeeded{color:#176b3a}.degraded,.rolled-back,.refused{color:#8a5a00}.failed,.cancelled{color:#a11}h2{font-size:15px;margin:1.3em 0 .4em}
.review{border:2px solid #a11;padding:.4em .8em;font-weight:600}.figures{display:flex;gap:4em}.figures p{margin:0}.large{font-size:40px;font-weight:650}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.2em .6em .2em 0;vertical-align:top;border-bottom:1px solid #dde;overflow-wrap:break-word}th{white-space:nowrap}
.line{width:55%}.line span{display:block;height:.8em;margin-top:.3em;background:#3b6ea8;border-radius:2px}.line .bad{background:#a11}
dl{display:grid;grid-template-columns:auto 1fr;gap:.1em 1.2em;margin:0}dd{margin:0;overflow-wrap:anywhere}dt{color:#566}code,small{overflow-wrap:anywhere}ul{margin:0;padding-left:1.2em}
@media print{main{margin:0}body{font-size:11px}h2{margin:.8em 0 .2em}.large{font-size:28px}}
footer{border-top:1px solid #dde;margin-top:2em;color:#445}`
