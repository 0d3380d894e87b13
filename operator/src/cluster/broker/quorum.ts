/** A member of the RabbitMQ cluster, as `GET /api/nodes` lists it. */
export interface Member {
  readonly name: string;
  readonly running: boolean;
  readonly mem_alarm?: boolean;
  readonly disk_free_alarm?: boolean;
}

/** A queue, as `GET /api/queues` lists it. What is of the statistics is absent until these were taken. */
export interface Queue {
  readonly name: string;
  readonly consumers?: number;
  readonly members?: readonly string[];
  readonly online?: readonly string[];
}

/** Whether messages can be taken and given: `Intact` also when one more broker is lost, `Critical` only until then. */
export type Quorum = "Intact" | "Critical" | "Lost";

/** The quorum of the cluster and of its queues: as good as that of the worst of them. */
export function quorumOf(members: readonly Member[], queues: readonly Queue[]): Quorum {
  const groups = [
    { all: members.length, up: members.filter(({ running }) => running).length },
    ...queues.flatMap(({ members: all, online }) =>
      all === undefined ? [] : [{ all: all.length, up: online?.length ?? 0 }],
    ),
  ];
  if (!groups.every(({ all, up }) => isMajority(up, all))) return "Lost";
  return groups.every(({ all, up }) => isMajority(up - 1, all)) ? "Intact" : "Critical";
}

/** The queues that take and give nothing, because too few of their members are up. */
export function queuesWithoutMajority(queues: readonly Queue[]): readonly string[] {
  return queues
    .filter(({ members, online = [] }) => members !== undefined && !isMajority(online.length, members.length))
    .map(({ name }) => name);
}

const isMajority = (up: number, all: number): boolean => up * 2 > all;
