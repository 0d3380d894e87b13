/** Jest's global teardown of the component tests: ends what global-setup.ts started. */
export default async function tearDown(): Promise<void> {
  await Promise.all((globalThis.aaaTestServices ?? []).map((service) => service.stop()));
}
