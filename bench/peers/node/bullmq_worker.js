// One worker process of BullMQ: `node bullmq_worker.js CONCURRENCY`, ended by SIGTERM.
"use strict";

const { Worker } = require("bullmq");
const IORedis = require("ioredis");
const tally = require("./tally");

const connection = new IORedis(process.env.PERDURE_BENCH_REDIS, { maxRetriesPerRequest: null });

async function noop(job) {
  tally.record(job.data);
  return job.data;
}

const worker = new Worker("bench", noop, { connection, concurrency: Number(process.argv[2]) });
worker.on("error", (error) => console.error(error));

process.on("SIGTERM", async () => {
  await worker.close();
  connection.disconnect();
});
