// What was executed, and when: the records of bench/tally.py, written from Node.
"use strict";

const fs = require("node:fs");

const file = fs.openSync(process.env.PERDURE_BENCH_TALLY, "a");
const RECORD_BYTES = 16;

exports.record = function record(number) {
  const buffer = Buffer.allocUnsafe(RECORD_BYTES);
  buffer.writeBigInt64LE(BigInt(number), 0);
  buffer.writeBigInt64LE(process.hrtime.bigint(), 8); // CLOCK_MONOTONIC
  fs.writeSync(file, buffer);
};

exports.begin = function begin() {
  fs.truncateSync(process.env.PERDURE_BENCH_TALLY);
};

exports.executed = function executed() {
  return fs.fstatSync(file).size / RECORD_BYTES;
};

// The nanosecond at which each of the tasks 0 to count - 1 was executed, each exactly once.
exports.executions = function executions(count) {
  const records = fs.readFileSync(process.env.PERDURE_BENCH_TALLY);
  const found = new Map();
  for (let at = 0; at < records.length; at += RECORD_BYTES) {
    const number = Number(records.readBigInt64LE(at));
    if (found.has(number)) throw new Error(`task ${number} was executed more than once`);
    found.set(number, Number(records.readBigInt64LE(at + 8)));
  }
  const numbers = Array.from({ length: count }, (_, number) => number);
  const missing = numbers.filter((number) => !found.has(number));
  if (missing.length || found.size !== count) {
    throw new Error(`${missing.length} of ${count} tasks were not executed; ${found.size} were`);
  }
  return numbers.map((number) => found.get(number));
};
