"""What moto looks up anew with each call, looked up once: it took more than half of the time."""

from functools import cache

from moto import backends
from moto.core import DEFAULT_ACCOUNT_ID, responses, serialize
from moto.iam import models as iam_models
from moto.iam.models import IAMBackend

# The backend of each access key.
holders = {}


def install():
    # Of moto's folders, of which there are a hundred and seventy.
    modules = frozenset(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: modules
    responses.method_names_from_class = cache(responses.method_names_from_class)
    _remember_names_of_fields()
    _remember_keys()


def _remember_names_of_fields():
    """Under which names a field of an answer may be found is a matter of its shape and the object's class."""
    picker = serialize.XFormedAttributePicker
    list_names = picker.get_possible_keys
    known = {}

    def get_possible_keys(self, context):
        # The shape is kept, so no other one gets its id.
        place = (id(context.shape), context.key, type(context.obj))
        if place not in known:
            known[place] = (context.shape, list(dict.fromkeys(list_names(self, context))))
        return known[place][1]

    picker.get_possible_keys = get_possible_keys


def _remember_keys():
    """To find a key, moto looks through all users of all accounts: as many as there are tests."""

    class Keys(dict):
        def __init__(self, backend):
            super().__init__()
            self.backend = backend

        def __setitem__(self, key_id, key):
            holders[key_id] = self.backend
            super().__setitem__(key_id, key)

        def __delitem__(self, key_id):
            super().__delitem__(key_id)
            del holders[key_id]

    initialize = IAMBackend.__init__

    def __init__(self, *args, **kwargs):
        initialize(self, *args, **kwargs)
        self.access_keys = Keys(self)

    look_through = IAMBackend.get_access_key_last_used

    def get_access_key_last_used(self, access_key_id):
        key = access_key(access_key_id)
        user = key and holders[access_key_id].users.get(key.user_name)
        # A key that is no user's, or no longer: moto says what is so.
        if user is None or key not in user.access_keys:
            return look_through(self, access_key_id)
        return {"user_name": key.user_name, "last_used": key.last_used}

    IAMBackend.__init__ = __init__
    IAMBackend.get_access_key_last_used = get_access_key_last_used
    iam_models.get_account_id_from = account_of


def access_key(key_id):
    """The access key with this id in any account, or None."""
    holder = holders.get(key_id)
    return holder and holder.access_keys[key_id]


def account_of(key_id):
    holder = holders.get(key_id)
    return holder.account_id if holder else DEFAULT_ACCOUNT_ID
