// Native coin and tokens of addresses by viem's multicall: URL, contracts, file of addresses -> totals as JSON.
import { readFileSync } from "node:fs";
import { createPublicClient, erc20Abi, http, multicall3Abi } from "viem";
import { bsc } from "viem/chains";

const [url, contracts, file] = process.argv.slice(2);
const tokens = contracts.split(",");
const client = createPublicClient({ chain: bsc, transport: http(url) });
const multicall3 = bsc.contracts.multicall3.address;
const calls = readFileSync(file, "utf8").split(/\s+/).filter(Boolean).flatMap((address) => [
  { address: multicall3, abi: multicall3Abi, functionName: "getEthBalance", args: [address] },
  ...tokens.map((token) => ({ address: token, abi: erc20Abi, functionName: "balanceOf", args: [address] })),
]);
const amounts = await client.multicall({ contracts: calls, allowFailure: false, batchSize: 18_000 }); // bytes: 500 calls
const totals = Array(1 + tokens.length).fill(0n);
amounts.forEach((amount, at) => (totals[at % totals.length] += amount));
console.log(JSON.stringify(totals.map(String)));
