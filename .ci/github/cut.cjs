// Cuts GitHub's description of its REST API to what is checked: of each path of a
// repository and each method the parameters and the body. Responses and words go.
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const folder = process.argv[2];
const packages = path.join(folder, 'node_modules/@octokit');
const whole = path.join(packages, 'openapi/generated/api.github.com.deref.json');
const WORDS = ['description', 'example', 'examples', 'externalDocs', 'title', 'x-github'];

// `properties` and `parameters` may be called like words: their names stay.
function wordless(value, namesStay = false) {
  if (Array.isArray(value)) return value.map((item) => wordless(item));
  if (value === null || typeof value !== 'object') return value;
  const kept = Object.entries(value).filter(([name]) => namesStay || !WORDS.includes(name));
  return Object.fromEntries(
    kept.map(([name, inner]) => [name, wordless(inner, !namesStay && name === 'properties')]),
  );
}

const paths = {};
for (const [template, item] of Object.entries(JSON.parse(fs.readFileSync(whole, 'utf8')).paths)) {
  if (!/^\/repos\/\{owner\}\/\{repo\}(\/|$)/.test(template)) continue;
  paths[template] = {};
  for (const method of ['get', 'post', 'put', 'patch', 'delete']) {
    const operation = item[method];
    if (!operation) continue;
    const body = operation.requestBody;
    const content = body && body.content['application/json'];
    paths[template][method] = {
      parameters: [...(item.parameters || []), ...(operation.parameters || [])].map(
        ({ name, in: place, required, schema }) => ({
          name,
          in: place,
          required: Boolean(required),
          schema: wordless(schema),
        }),
      ),
      ...(content && {
        body: { required: Boolean(body.required), schema: wordless(content.schema) },
      }),
    };
  }
}
fs.writeFileSync(path.join(folder, 'rest.json'), JSON.stringify({ paths }));
fs.copyFileSync(
  path.join(packages, 'graphql-schema/schema.graphql'),
  path.join(folder, 'schema.graphql'),
);
