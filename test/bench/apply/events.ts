import { eventTypeOf, type ProvisioningEvent } from "@aaa-cluster/contract";

export const EPOCH = 1n;

/** Pure: the event at a sequence number (from 1) of a stream that changes so many devices again and again. */
export function eventAt(sequence: number, devices: number): ProvisioningEvent {
  const device = (sequence - 1) % devices;
  const version = Math.floor((sequence - 1) / devices) + 1;
  return {
    eventId: `00000000-0000-4000-8000-${String(sequence).padStart(12, "0")}`,
    epoch: EPOCH.toString(),
    sequence: String(sequence),
    eventTime: "2026-01-31T00:00:00.000Z",
    eventType: eventTypeOf("Device", version === 1 ? "Create" : "AttributeValueChange"),
    entity: "Device",
    entityId: `box-${device}`,
    entityVersion: String(version),
    payload: { subscriberId: `subscriber-${device}`, macAddress: macOf(device), status: "active" },
  };
}

function macOf(device: number): string {
  const digits = device.toString(16).padStart(12, "0");
  return (digits.match(/../g) ?? []).join(":");
}
