// Judges what roles asked for. stdin: {policies: {key: [document]}, requests: [{role, action, resource, context,
// policies: key}]}; stdout: {allowed} or {error} for each request.
import { runSimulation } from '@cloud-copilot/iam-simulate'
import { text } from 'node:stream/consumers'

const { policies: documents, requests } = JSON.parse(await text(process.stdin))

async function verdict({ role, action, resource, context, policies }) {
  const accountId = role.split(':')[4]
  // Like the default key policy: IAM decides.
  const keyPolicy = {
    Version: '2012-10-17',
    Statement: { Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${accountId}:root` }, Action: 'kms:*', Resource: '*' }
  }
  const done = await runSimulation(
    {
      request: { principal: role, action, resource: { resource, accountId }, contextVariables: context },
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
