//! Two sandboxes of one caller at the same time share a writable directory, and nothing else: no process, no message, no memory.
//!
//! Not here, because no layer of ours can be left out for it: ptrace(2) and what /proc guards by the same rule (mem, root, environ) end
//! at the other's user namespace. A socket or FIFO in the directory that both may write is a channel both were granted.

macro_rules! attacks {
    ($without:literal: $($name:ident $way:literal on $sibling:literal)+) => { $(
        #[test]
        fn $name() {
            attack!("siblings", $way, "{home}").beside(&[$sibling, "{home}"]).without($without).is_stopped();
        }
    )+ };
}

attacks! { "pid-namespace":
    a_process_of_a_sibling_is_seen "see" on "be-there"
}

// Layer: under host root the two have also different users outside.
attacks! { "pid-namespace,own-id":
    a_process_of_a_sibling_gets_another_limit "limit" on "be-there"
    a_process_of_a_sibling_is_starved "starve" on "be-there"
}

attacks! { "pid-namespace,own-id,landlock":
    a_process_of_a_sibling_is_killed "signal" on "be-there"
    a_process_of_a_sibling_is_killed_by_pidfd "pidfd" on "be-there"
    a_process_of_a_sibling_is_killed_as_the_owner_of_a_descriptor "owner" on "be-there"
}

attacks! { "network-namespace,landlock":
    an_abstract_socket_of_a_sibling_is_reached "connect" on "listen"
}

// Layer: seccomp in profile strict only.
attacks! { "ipc-namespace,seccomp":
    shared_memory_of_a_sibling_is_attached "memory" on "keep-memory"
    a_message_is_left_for_a_sibling "messages" on "keep-messages"
}

// Layer: the same; a queue is a file, and one without a rule to Landlock.
attacks! { "ipc-namespace,seccomp,landlock":
    a_message_queue_of_a_sibling_is_opened "queue" on "keep-queue"
}
