// sigstore-js as an independent signer and verifier of bundles with a managed key.
//   sigstore.js sign KEY.pem TYPE FILE     the bundle around FILE as a DSSE payload of TYPE, to standard output
//   sigstore.js verify KEY.pub BUNDLE      exit 0 and the payload on standard output, when BUNDLE verifies
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const { bundleFromJSON, bundleToJSON } = require('@sigstore/bundle');
const { DSSEBundleBuilder } = require('@sigstore/sign');
const { Verifier, toSignedEntity } = require('@sigstore/verify');

async function sign(keyFile, type, file) {
  const key = crypto.createPrivateKey(fs.readFileSync(keyFile));
  const pub = crypto.createPublicKey(key);
  const signer = {
    sign: async (data) => ({
      signature: crypto.sign('sha256', data, key),
      key: { $case: 'publicKey', publicKey: pub.export({ type: 'spki', format: 'pem' }), hint: 'a hint of its own' },
    }),
  };
  const builder = new DSSEBundleBuilder({ signer, witnesses: [] });
  const bundle = await builder.create({ data: fs.readFileSync(file), type });
  process.stdout.write(JSON.stringify(bundleToJSON(bundle)));
}

function verify(keyFile, file) {
  const publicKey = crypto.createPublicKey(fs.readFileSync(keyFile));
  const trust = {
    certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [],
    publicKey: () => ({ publicKey, validFor: () => true }),
  };
  const verifier = new Verifier(trust, { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0, tsaThreshold: 0 });
  const bundle = bundleFromJSON(JSON.parse(fs.readFileSync(file)));
  verifier.verify(toSignedEntity(bundle));
  process.stdout.write(bundle.content.dsseEnvelope.payload);
}

const [command, ...words] = process.argv.slice(2);
Promise.resolve()
  .then(() => (command === 'sign' ? sign(...words) : verify(...words)))
  .catch((error) => {
    process.stderr.write(`sigstore.js: ${error.code || ''} ${error.message}\n`);
    process.exitCode = 1;
  });
