/** What an image of a bundled service sets. */
export interface ImageSettings {
  /** Those of Node. */
  readonly flags: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** Pure: reads what a Dockerfile sets, so that what is run without the image runs as in it. */
export function imageSettings(dockerfile: string): ImageSettings {
  const entrypoint = /^ENTRYPOINT (\["node".*\])$/m.exec(dockerfile)?.[1] ?? '["node", "main.js"]';
  const variables = dockerfile.matchAll(/^ENV (\w+)=(\S+)$/gm);
  return {
    flags: (JSON.parse(entrypoint) as string[]).slice(1, -1),
    environment: Object.fromEntries([...variables].map(([, name, value]) => [name, value])) as Record<string, string>,
  };
}
