/** What happens to a member's container, as an accident or a person makes it happen: always on the Engine itself, past the operator. */
import type Docker from "dockerode";

const container = (docker: Docker, name: string): Docker.Container => docker.getContainer(name);

export const kill = async (docker: Docker, name: string): Promise<void> => { await container(docker, name).kill({ signal: "SIGKILL" }); };
export const freeze = async (docker: Docker, name: string): Promise<void> => { await container(docker, name).pause(); };
/** A container that was killed meanwhile has nothing left to thaw. */
export const thaw = async (docker: Docker, name: string): Promise<void> => { await container(docker, name).unpause().catch(() => undefined); };
export const remove = async (docker: Docker, name: string): Promise<void> => { await container(docker, name).remove({ force: true }); };
export const pullWire = async (docker: Docker, name: string, network: string): Promise<void> => { await docker.getNetwork(network).disconnect({ Container: name, Force: true }); };

// The server's first process is the eldest of its name; its own end is the container's.
const killPostmaster = "cd /proc; for pid in $(printf '%s\\n' [0-9]* | sort -n); do [ \"$(cat $pid/comm)\" = postgres ] && kill -9 $pid && exit; done";

/** SIGKILL to PostgreSQL's first process alone, from inside its container. */
export const killPostgres = async (docker: Docker, name: string): Promise<void> => {
  const exec = await container(docker, name).exec({ Cmd: ["bash", "-c", killPostmaster], User: "999" });
  await exec.start({ Detach: true });
};
