// Judges what roles asked for. stdin: {policies: {name: [document]}, keys: {arn: document}, requests: [{role, action,
// resource, context, policies: name}]}; stdout: {allowed} or {error} for each request.
import { runSimulation } from '@cloud-copilot/iam-simulate'
import { text } from 'node:stream/consumers'

const { policies: documents, keys, requests } = JSON.parse(await text(process.stdin))

async function verdict({ role, action, resource, context, policies }) {
  const accountId = role.split(':')[4]
  // A key that is not there yet, and an alias: IAM decides.
  const keyPolicy = keys[resource] ?? {
    Version: '2012-10-17',
    Statement: { Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${accountId}:root` }, Action: 'kms:*', Resource: '*' }
  }
  const done = await runSimulation(
    {
      request: {
        principal: role,
        action,
        resource: { resource, accountId },
        contextVariables: { 'aws:PrincipalArn': role, ...context }
      },
      identityPolicies: documents[policies].map((policy, number) => ({ name: `${number}`, policy })),
      resourcePolicy: action.startsWith('kms:') && resource !== '*' ? keyPolicy : undefined,
      serviceControlPolicies: [],
      resourceControlPolicies: []
    },
    {}
  )
  return done.resultType === 'error' ? { error: JSON.stringify(done.errors) } : { allowed: done.overallResult === 'Allowed' }
}

console.log(JSON.stringify(await Promise.all(requests.map(verdict))))
