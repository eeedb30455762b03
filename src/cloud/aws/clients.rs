//! The clients of one account: each is made when it is called for the first time, and all are given back when nothing is to be called
//! there for some time. A client takes some hundred kilobytes, and a run over a thousand accounts calls few of them at once.

use std::sync::{Mutex, PoisonError};

use aws_config::SdkConfig;
use aws_sdk_iam::config::retry::RetryPartition;

use super::{answer::Answers, meter::Meter, retries::NotThrottled};

/// What is needed to call an account's services, and the clients that are there.
pub(super) struct Clients {
    /// With the credentials and the region of the account.
    account: SdkConfig,
    /// With those of the caller: mail leaves from one place, whichever account it is about.
    caller: SdkConfig,
    meter: Meter,
    iam: Slot<aws_sdk_iam::Client>,
    secrets: Slot<aws_sdk_secretsmanager::Client>,
    parameters: Slot<aws_sdk_ssm::Client>,
    sts: Slot<aws_sdk_sts::Client>,
    mail: Slot<aws_sdk_sesv2::Client>,
}

/// A client, while it is there.
#[derive(Debug)]
struct Slot<T>(Mutex<Option<T>>);

impl<T: Clone> Slot<T> {
    const fn empty() -> Self {
        Self(Mutex::new(None))
    }

    fn get(&self, make: impl FnOnce() -> T) -> T {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(make).clone()
    }

    fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// A client of its own for a service. Every client has its own partition: one account's faults must not use up the retries of
/// another. (The SDK's default is one for each service and region of the process.)
macro_rules! client {
    ($sdk:ident, $config:expr, $meter:expr, $name:literal) => {
        $sdk::Client::from_conf(
            $sdk::config::Builder::from($config)
                .interceptor(Answers($meter.clone()))
                .retry_classifier(NotThrottled)
                .retry_partition(RetryPartition::custom($name).build())
                .build(),
        )
    };
}

impl Clients {
    /// None of them is made yet.
    pub fn new(account: &SdkConfig, caller: &SdkConfig, meter: &Meter) -> Self {
        Self {
            account: account.clone(),
            caller: caller.clone(),
            meter: meter.clone(),
            iam: Slot::empty(),
            secrets: Slot::empty(),
            parameters: Slot::empty(),
            sts: Slot::empty(),
            mail: Slot::empty(),
        }
    }

    pub fn iam(&self) -> aws_sdk_iam::Client {
        self.iam.get(|| client!(aws_sdk_iam, &self.account, self.meter, "iam"))
    }

    pub fn secrets(&self) -> aws_sdk_secretsmanager::Client {
        self.secrets.get(|| client!(aws_sdk_secretsmanager, &self.account, self.meter, "secretsmanager"))
    }

    pub fn parameters(&self) -> aws_sdk_ssm::Client {
        self.parameters.get(|| client!(aws_sdk_ssm, &self.account, self.meter, "ssm"))
    }

    pub fn sts(&self) -> aws_sdk_sts::Client {
        self.sts.get(|| client!(aws_sdk_sts, &self.account, self.meter, "sts"))
    }

    pub fn mail(&self) -> aws_sdk_sesv2::Client {
        self.mail.get(|| client!(aws_sdk_sesv2, &self.caller, self.meter, "ses"))
    }

    /// Who calls next makes a client of its own.
    pub fn give_back(&self) {
        let Self { account: _, caller: _, meter: _, iam, secrets, parameters, sts, mail } = self;
        iam.clear();
        secrets.clear();
        parameters.clear();
        sts.clear();
        mail.clear();
    }
}
