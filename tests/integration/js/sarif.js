// Is each FILE valid SARIF 2.1.0, by the published schema?
//
//   node sarif.js FILE...
//
// Exit status: 0 they are, 1 one is not, 2 it cannot be read.
'use strict';

const fs = require('fs');
const Ajv = require('ajv');
const schema = require('@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json');

const ajv = new Ajv({ allErrors: true, schemaId: 'auto' });
ajv.addMetaSchema(require('ajv/lib/refs/json-schema-draft-04.json'));
const validate = ajv.compile(schema);
let status = 0;

for (const file of process.argv.slice(2)) {
  let log;
  try {
    log = JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch (error) {
    console.error(`${file}: ${error.message}`);
    process.exit(2);
  }
  if (!validate(log)) {
    for (const error of validate.errors) console.error(`${file}: ${error.dataPath} ${error.message}`);
    status = 1;
  }
}
process.exit(process.argv.length > 2 ? status : 2);
