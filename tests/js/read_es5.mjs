// Reads scripts as ECMAScript 5, as a TV set of 2018 and older would; says where one is something newer.
import { readFileSync } from "node:fs";
import { parse } from "acorn";

for (const path of process.argv.slice(2)) {
  try {
    parse(readFileSync(path, "utf8"), { ecmaVersion: 5 });
  } catch (error) {
    console.log(`${path}: ${error.message}`);
  }
}
