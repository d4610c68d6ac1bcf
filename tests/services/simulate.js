// Asks an IAM simulator many questions in one process: iam_simulator.py says what goes in and what comes out.
import { runSimulation } from "@cloud-copilot/iam-simulate";

let text = "";
for await (const piece of process.stdin) text += piece;
const { questions, documents, mutants } = JSON.parse(text);

async function isRight(question, policies) {
  const { request, own, resource, allowed } = question;
  const answer = await runSimulation(
    {
      request,
      identityPolicies: own ? [{ name: own, policy: policies[own] }] : [],
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      ...(resource ? { resourcePolicy: policies[resource] } : {}),
    },
    {},
  );
  if (answer.resultType === "error") throw new Error(JSON.stringify([question, answer.errors]));
  return (answer.overallResult === "Allowed") === allowed;
}

const wrong = [];
for (const [index, question] of questions.entries()) {
  if (!(await isRight(question, documents))) wrong.push(index);
}
const survivors = [];
for (const { name, document, policy, asked } of mutants) {
  const policies = { ...documents, [document]: policy };
  let isNoticed = false;
  for (const index of asked) {
    isNoticed = !(await isRight(questions[index], policies));
    if (isNoticed) break;
  }
  if (!isNoticed) survivors.push(name);
}
process.stdout.write(JSON.stringify({ wrong, survivors }));
