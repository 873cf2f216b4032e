// Runs a query over the lines of a file and writes its rows as tsv:
//   node duck.js API THREADS MEMORY TEMP INPUT QUERY OUT
const [api, threads, memory, temp, input, query, out] = process.argv.slice(2);
const { DuckDBInstance } = require(api);

const text = (s) => "'" + s.replaceAll("'", "''") + "'";
// A line is one column: none of its bytes is a delimiter, a quote or an escape.
const raw = "header=false, auto_detect=false, delim='\x01', quote='', escape=''";

(async () => {
  const db = await DuckDBInstance.create(':memory:', { threads, memory_limit: memory + 'B', temp_directory: temp });
  const c = await db.connect();
  await c.run('SET preserve_insertion_order = false');
  await c.run(`CREATE VIEW lines AS FROM read_csv(${text(input)}, ${raw}, columns={'line': 'VARCHAR'})`);
  await c.run(`COPY (${query}) TO ${text(out)} (FORMAT csv, DELIMITER '\t', HEADER false, QUOTE '', ESCAPE '')`);
  process.exit(0); // without waiting for the database to be torn down
})().catch((err) => {
  console.error(err.message);
  process.exit(1);
});
