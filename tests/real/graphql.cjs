// Checks documents of GraphQL, and the variables they were sent with, against
// GitHub's public schema.
//
//     node graphql.cjs FOLDER DOCUMENT… -- REQUEST…
//
// FOLDER has `schema.graphql` and `node_modules/graphql`; a REQUEST is a file with
// `query` and `variables`. Prints what is wrong, and fails.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { createRequire } = require('node:module');

const [folder, ...files] = process.argv.slice(2);
const graphql = createRequire(path.join(folder, 'x'))('graphql');
const text = (file) => fs.readFileSync(file, 'utf8');
const schema = graphql.buildSchema(text(path.join(folder, 'schema.graphql')), {
  assumeValidSDL: true,
});

let wrong = 0;
function tell(file, errors) {
  for (const error of errors) {
    wrong += 1;
    console.log(`${file}: ${error.message}`);
  }
}

function check(file, source) {
  let document;
  try {
    document = graphql.parse(source);
  } catch (error) {
    tell(file, [error]);
    return undefined;
  }
  const errors = graphql.validate(schema, document);
  tell(file, errors);
  return errors.length === 0 ? document : undefined;
}

const end = files.indexOf('--');
for (const file of files.slice(0, end)) check(file, text(file));
for (const file of files.slice(end + 1)) {
  const { query, variables } = JSON.parse(text(file));
  const document = check(file, query);
  if (!document) continue;
  const operation = document.definitions.find((one) => one.kind === 'OperationDefinition');
  const given = operation.variableDefinitions || [];
  const names = given.map((one) => one.variable.name.value);
  for (const name of Object.keys(variables || {})) {
    if (!names.includes(name)) tell(file, [{ message: `there is no variable $${name}` }]);
  }
  tell(file, graphql.getVariableValues(schema, given, variables || {}).errors || []);
}
console.log(`${end} documents, ${files.length - end - 1} requests`);
process.exitCode = wrong === 0 ? 0 : 1;
