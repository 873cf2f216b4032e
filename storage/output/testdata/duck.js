// Prints the rows of a query as tsv, null as \N:  node duck.js API QUERY
const [api, query] = process.argv.slice(2);
const { DuckDBInstance } = require(api);

(async () => {
  const db = await DuckDBInstance.create(':memory:', { threads: '1' });
  const c = await db.connect();
  const rows = (await c.runAndReadAll(query)).getRows();
  for (const row of rows) console.log(row.map((v) => (v === null ? '\\N' : String(v))).join('\t'));
  process.exit(0); // without waiting for the database to be torn down
})().catch((err) => {
  console.error(err.message);
  process.exit(1);
});
