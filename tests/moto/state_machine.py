"""moto's interpreter of state machines, with its tasks sent elsewhere.

moto would call its own Lambda (Docker, or an echo) and its own S3. Here Lambda is a runtime API with the
real function binaries behind it, and S3 the bucket that these functions write to. Everything else, the
interpreter above all, is moto's own.

The environment says where: CARNET_LAMBDA_ENDPOINT, CARNET_S3_ENDPOINT, and by AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and AWS_CA_BUNDLE who calls there. Prints where it listens itself.
"""

import os
import sys
import types

import boto3
from botocore.config import Config
from moto.core.config import default_user_config
from moto.moto_server.threaded_moto_server import ThreadedMotoServer
from moto.stepfunctions.parser.api import ExecutionFailedEventDetails, HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.state.exec.state_map.result_writer import result_writer_decl
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.utils import boto_client

ENDPOINTS = {"lambda": os.environ["CARNET_LAMBDA_ENDPOINT"], "s3": os.environ["CARNET_S3_ENDPOINT"]}


def client(service_name, region_name, config, **_):
    """A task's client, as this process's own role."""
    if service_name == "s3":
        config = config.merge(Config(s3={"addressing_style": "path"}))
    return boto3.client(
        service_name, region_name=region_name, endpoint_url=ENDPOINTS[service_name], config=config
    )


def write_results(self, env):
    """The paths of a ResultWriter begin in the map's input ("ResultWriter (Map)"); moto lets them begin in
    its results."""
    env.stack.pop()
    env.stack.append(env.states.get_input())
    self.parargs.eval(env=env)
    self.resource_eval.eval_resource(env=env)
    fail_beyond_tolerance(env)


def fail_beyond_tolerance(env):
    """A map fails if more of its children failed than it tolerates; moto only keeps the number."""
    run = env.map_run_record_pool_manager.get_all().pop()
    counts = run.item_counter.describe()
    if counts["failed"] * 100 <= (run.tolerated_failure_percentage or 0) * counts["total"]:
        return
    kind = StatesErrorNameType.StatesExceedToleratedFailureThreshold
    cause = f"{counts['failed']} of {counts['total']} items failed"
    details = ExecutionFailedEventDetails(error=kind.to_name(), cause=cause)
    raise FailureEventException(
        FailureEvent(
            env=env,
            error_name=StatesErrorName(typ=kind),
            event_type=HistoryEventType.ExecutionFailed,
            event_details=EventDetails(executionFailedEventDetails=details),
        )
    )


result_writer_decl.ResultWriter._eval_body = write_results
boto_client.boto3 = types.SimpleNamespace(client=client)
default_user_config["stepfunctions"]["execute_state_machine"] = True

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
print(f"Running on http://{host}:{port}", file=sys.stderr, flush=True)
# Until whoever started it goes away.
sys.stdin.read()
server.stop()
