/** A range of IPv4 addresses that a device leads to. */
export interface Route {
  readonly device: string;
  readonly range: string;
}

export interface Listener {
  readonly address: string;
  readonly port: number;
}

const LISTENING = "0A";
const EVERY_ADDRESS_V6 = "0".repeat(32);

/** Pure: the routes, without the default route, in the text of /proc/net/route. */
export function routesOf(text: string): Route[] {
  return fieldsOf(text)
    .map(([device, destination, , , , , , mask]) => ({ device: device as string, destination, mask }))
    .filter(({ mask }) => mask !== undefined && mask !== "00000000")
    .map(({ device, destination, mask }) => ({ device, range: `${addressOf(destination)}/${prefixOf(mask)}` }));
}

/** Pure: who listens, in the text of /proc/net/tcp or /proc/net/tcp6 (of which only `::`, which means IPv4 too). */
export function listenersOf(text: string): Listener[] {
  return fieldsOf(text)
    .filter((fields) => fields[3] === LISTENING)
    .map((fields) => (fields[1] as string).split(":") as [string, string])
    .filter(([address]) => address.length === 8 || address === EVERY_ADDRESS_V6)
    .map(([address, port]) => ({ address: addressOf(address.slice(0, 8)), port: Number.parseInt(port, 16) }));
}

/** Pure: whether two ranges such as `10.99.0.0/24` have an address in common. */
export function overlaps(one: string, other: string): boolean {
  const [a, b] = [parse(one), parse(other)];
  const size = 2 ** (32 - Math.min(a.prefix, b.prefix));
  return Math.floor(a.address / size) === Math.floor(b.address / size);
}

function parse(range: string): { address: number; prefix: number } {
  const [address = "", prefix = "32"] = range.split("/");
  const number = address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  return { address: number, prefix: Number(prefix) };
}

/** The fields of every line but the first, which names them. */
function fieldsOf(text: string): string[][] {
  const lines = text.trim().split("\n").slice(1);
  return lines.map((line) => line.trim().split(/\s+/));
}

/** `0100007F` is 127.0.0.1: the kernel prints addresses as the processor holds them. */
function addressOf(hex = ""): string {
  const bytes = hex.match(/../g) ?? [];
  return bytes
    .reverse()
    .map((byte) => Number.parseInt(byte, 16))
    .join(".");
}

function prefixOf(hex = ""): number {
  return Number.parseInt(hex, 16).toString(2).replaceAll("0", "").length;
}
