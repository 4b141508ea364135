// In print everything is open: what was folded or filtered away comes back.
const folded = () => document.querySelectorAll("details:not([open])");
let opened = [];
addEventListener("beforeprint", () => { opened = [...folded()]; opened.forEach((part) => { part.open = true; }); });
addEventListener("afterprint", () => opened.forEach((part) => { part.open = false; }));
