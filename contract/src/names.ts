/** The default name of the fanout exchange that carries every broadcast. */
export const DEFAULT_OSS_EXCHANGE = "oss_exchange";

/** The direct exchange on which nodes ask OSS for something. */
export const REQUESTS_EXCHANGE = "oss_requests";

/** The routing key of a snapshot request on the requests exchange. */
export const SNAPSHOT_ROUTING_KEY = "snapshot";

/** The queue from which every OSS replica takes snapshot requests. */
export const SNAPSHOT_REQUESTS_QUEUE = "oss.snapshot-requests";

/** The queue that holds the broadcasts for one node. */
export const partitionQueue = (partition: string): string => `aaa.partition.${partition}`;

/** The queue on which one node receives a snapshot while it resyncs. */
export const snapshotQueue = (partition: string): string => `aaa.snapshot.${partition}`;

/** The direct exchange on which nodes hand accounting records to OSS. */
export const ACCOUNTING_EXCHANGE = "accounting";

/** The routing key of an accounting record on the accounting exchange. */
export const ACCOUNTING_ROUTING_KEY = "record";

/** The queue from which every OSS replica takes accounting records. */
export const ACCOUNTING_QUEUE = "oss.accounting";
