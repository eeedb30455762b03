//! The Lambda function: the scheduled run, with the manifests of one commit inside its package. What it does is in the
//! library, as for the command; here is what only a Lambda has: events, a deadline, logs and metrics.

mod event;
mod evidence;
mod failure;
mod fleet;
mod function;
mod log;
mod store;

use lambda_runtime::{LambdaEvent, run, service_fn};

use self::function::Function;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    log::init();
    let function = Function::from_environment()?;
    run(service_fn(|event: LambdaEvent<_>| function.invoke(event))).await
}
