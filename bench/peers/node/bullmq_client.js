// The client process of BullMQ, as bench/peers/task_client.py is for others: `node bullmq_client.js DOES COUNT CONCURRENCY`.
"use strict";

const { Job, Queue, QueueEvents } = require("bullmq");
const IORedis = require("ioredis");
const tally = require("./tally");

const ENQUEUERS = 50; // coroutines that add at once
const BULK = 1000; // jobs of one addBulk
const TIMEOUT_MS = 240_000;

const options = { maxRetriesPerRequest: null };
const connection = new IORedis(process.env.PERDURE_BENCH_REDIS, options);
const queue = new Queue("bench", { connection });

const now = () => Number(process.hrtime.bigint());
const pause = () => new Promise((resolve) => setTimeout(resolve, 1));

function check(number, result) {
  if (result !== number) throw new Error(`the result of task ${number} is ${result}; it must be ${number}`);
}

function measurement(nanoseconds, totalNs) {
  const ordered = Float64Array.from(nanoseconds).sort();
  const percentile = (fraction) => ordered[Math.min(ordered.length - 1, Math.floor(ordered.length * fraction))] / 1e6;
  const total_s = totalNs / 1e9;
  return { workflows_per_s: ordered.length / total_s, total_s, p50_ms: percentile(0.5), p99_ms: percentile(0.99) };
}

async function oneAtATime(count) {
  const events = new QueueEvents("bench", { connection: new IORedis(process.env.PERDURE_BENCH_REDIS, options) });
  await events.waitUntilReady();
  const latencies = [];
  const began = now();
  for (let number = 0; number < count; number++) {
    const called = now();
    const job = await queue.add("noop", number);
    check(number, await job.waitUntilFinished(events));
    latencies.push(now() - called);
  }
  const total = now() - began;
  tally.executions(count);
  await events.close();
  return measurement(latencies, total);
}

async function manyAtOnce(count, concurrency) {
  let next = 0;
  const called = new Array(count);
  const ids = new Array(count);
  async function enqueueMore() {
    while (next < count) {
      const number = next++;
      while (number - tally.executed() >= concurrency) await pause();
      called[number] = now();
      ids[number] = (await queue.add("noop", number)).id;
    }
  }
  const began = now();
  await Promise.all(Array.from({ length: ENQUEUERS }, enqueueMore));
  for (const deadline = Date.now() + TIMEOUT_MS; tally.executed() < count; ) {
    if (Date.now() > deadline) throw new Error(`${tally.executed()} of ${count} tasks were executed`);
    await pause();
  }
  const executed = tally.executions(count);
  for (let number = 0; number < count; number++) {
    let job = await Job.fromId(queue, ids[number]);
    while (job.returnvalue === null) job = await Job.fromId(queue, ids[number]); // the last ones are being written
    check(number, job.returnvalue);
  }
  return measurement(executed.map((at, number) => at - called[number]), Math.max(...executed) - began);
}

async function fill(count) {
  for (let start = 0; start < count; start += BULK) {
    const numbers = Array.from({ length: Math.min(BULK, count - start) }, (_, offset) => start + offset);
    await queue.addBulk(numbers.map((number) => ({ name: "noop", data: number })));
  }
  return { filled: count };
}

async function main(does, count, concurrency) {
  tally.begin();
  await queue.waitUntilReady();
  const measure = () => (concurrency === 1 ? oneAtATime(count) : manyAtOnce(count, concurrency));
  console.log(JSON.stringify(await (does === "fill" ? fill(count) : measure())));
  await queue.close();
  process.exit(0);
}

main(process.argv[2], Number(process.argv[3]), Number(process.argv[4])).catch((error) => {
  console.error(error);
  process.exit(1);
});
