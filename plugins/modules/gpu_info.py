# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module gpt_oss.fleet.gpu_info: what a host tells about its GPUs, their driver and their fabric."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpu_info
short_description: Tells all about a host's NVIDIA GPUs, with a driver or without
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Reads C(nvidia-smi -q -x), C(/proc), C(/sys) and the kernel log, and returns what they say as one dictionary.
  - Changes nothing, and fails for nothing that is missing. Without a driver the GPUs on the PCI bus are still counted
    and named by their device ids.
  - Needs root for the kernel log on most hosts, and for RV(gpu.nvlink5).
attributes:
  check_mode:
    description: Reads only, so it runs in check mode as always.
    support: full
  diff_mode:
    description: Changes nothing, so there is no difference to show.
    support: none
"""

EXAMPLES = r"""
- name: Look at the GPUs
  gpt_oss.fleet.gpu_info:
  register: looked

- name: Say what was found
  ansible.builtin.debug:
    msg: "{{ looked.gpu.present }} GPUs of generation {{ looked.gpu.generation }}"
"""

RETURN = r"""
gpu:
  description: What is known of the host's GPUs. What is not known is null.
  type: dict
  returned: always
  contains:
    present:
      description: The number of NVIDIA GPUs on the PCI bus.
      type: int
      sample: 8
    pci:
      description: The GPUs on the PCI bus, in the order of their addresses.
      type: list
      elements: dict
      contains:
        address:
          description: The PCI address.
          type: str
          sample: "0000:1b:00.0"
        device_id:
          description: The PCI device id, four hexadecimal digits.
          type: str
          sample: "2901"
        name:
          description: The model, by the device id; null for an id that is not in the collection's list.
          type: str
          sample: B200
        generation:
          description: The generation, by the device id.
          type: str
          sample: blackwell
        kernel_driver:
          description: The kernel driver that holds the device, such as V(nvidia), V(nouveau) or V(vfio-pci).
          type: str
          sample: nvidia
    nvswitches:
      description: The number of NVSwitches on the PCI bus. From NVLink 5 on they are not seen there.
      type: int
      sample: 0
    generation:
      description: The generation of the first GPU that is known, by its device id, else by C(nvidia-smi).
      type: str
      sample: blackwell
    nvlink5:
      description: Whether a network device manages NVLink 5 switches; null where that cannot be known.
      type: bool
      sample: true
    driver:
      description: The driver.
      type: dict
      contains:
        loaded:
          description: Whether the kernel module is loaded.
          type: bool
        version:
          description: The version of the loaded module.
          type: str
          sample: 580.95.05
        flavour:
          description: The flavour of the loaded module, V(open) or V(proprietary).
          type: str
          sample: open
        on_disk_version:
          description: The version of the module that would be loaded for the running kernel.
          type: str
          sample: 580.95.05
        on_disk_flavour:
          description: The flavour of that module, by its licence.
          type: str
          sample: open
        nouveau_loaded:
          description: Whether nouveau is loaded.
          type: bool
        cuda_version:
          description: The highest CUDA version that the driver serves.
          type: str
          sample: "13.0"
    smi:
      description: How C(nvidia-smi) fared.
      type: dict
      contains:
        state:
          description:
            - V(ok), V(absent) when there is none, or V(failed).
            - V(mismatch) when the loaded kernel module is of another version than the libraries.
          type: str
          sample: ok
        exit_code:
          description: Its exit status.
          type: int
          sample: 0
        error:
          description: What it said that is wrong; empty when all is well.
          type: str
          sample: ""
    devices:
      description: The GPUs as C(nvidia-smi) shows them, in its order. Null numbers are those that it gives as C(N/A).
      type: list
      elements: dict
      contains:
        index:
          description: The index.
          type: int
          sample: 0
        uuid:
          description: The UUID.
          type: str
          sample: GPU-00000000-0000-4000-8000-000000000001
        name:
          description: The product's name.
          type: str
          sample: NVIDIA B200
        architecture:
          description: The architecture's name.
          type: str
          sample: Blackwell
        pci_address:
          description: The PCI address, in the form of RV(gpu.pci[].address).
          type: str
          sample: "0000:1b:00.0"
        minor:
          description: The number of the device node.
          type: int
          sample: 0
        memory_total_mib:
          description: The memory.
          type: int
          sample: 183359
        memory_used_mib:
          description: The memory in use.
          type: int
          sample: 0
        memory_free_mib:
          description: The free memory.
          type: int
          sample: 182632
        memory_reserved_mib:
          description: The memory that the driver keeps to itself.
          type: int
          sample: 728
        persistence:
          description: Whether persistence mode is on.
          type: bool
        mig:
          description: Whether the GPU is partitioned (MIG).
          type: bool
        temperature_c:
          description: The temperature in degrees Celsius.
          type: int
          sample: 39
        power_draw_w:
          description: The power drawn, averaged where the GPU gives an average.
          type: float
          sample: 195.68
        power_limit_w:
          description: The limit of the power.
          type: float
          sample: 1000.0
        throttle:
          description: Why the clocks are lowered, but for idleness and clocks that were set.
          type: list
          elements: str
          sample: [hw_thermal_slowdown]
        ecc:
          description: The state of the memory.
          type: dict
          contains:
            enabled:
              description: Whether errors are corrected; null where the GPU cannot.
              type: bool
            volatile_uncorrectable:
              description: The uncorrectable errors since the driver was loaded.
              type: int
              sample: 0
            aggregate_uncorrectable:
              description: The uncorrectable errors in the GPU's life.
              type: int
              sample: 0
            remapped_rows_pending:
              description: Whether rows wait for a reset in order to be remapped, or pages to be retired.
              type: bool
            remapped_rows_failure:
              description: Whether a row could not be remapped.
              type: bool
            unrepairable_memory:
              description: Whether the GPU calls its memory unrepairable.
              type: bool
        recovery_action:
          description: The action by which the GPU would recover, such as V(Reset); null when it needs or tells none.
          type: str
          sample: null
        fabric:
          description: The GPU's place in the NVLink fabric, in the words of C(nvidia-smi).
          type: dict
          contains:
            state:
              description: V(Completed) when the GPU is registered, V(In Progress) while it waits, V(N/A) for no fabric.
              type: str
              sample: Completed
            status:
              description: How the registration ended.
              type: str
              sample: Success
            health:
              description: The health, with V(summary) in newer drivers; each value is a string.
              type: dict
              sample: {"summary": "Healthy"}
        processes:
          description: The processes that use the GPU.
          type: list
          elements: dict
          contains:
            pid:
              description: The process id.
              type: int
              sample: 4711
            name:
              description: The name.
              type: str
              sample: VLLM::Worker_TP0
            type:
              description: V(C) for compute, V(G) for graphics, V(C+G) for both.
              type: str
              sample: C
            memory_mib:
              description: The memory that it holds.
              type: int
              sample: 171176
            container:
              description: The id of the container that it runs in; null for none.
              type: str
              sample: null
    fabric_manager:
      description: The fabric manager.
      type: dict
      contains:
        version:
          description: Its version, by its own word.
          type: str
          sample: 580.95.05
        binary:
          description: Whether it is there.
          type: bool
        nvlsm:
          description: Whether the subnet manager for NVLink 5 is there.
          type: bool
        log:
          description: The lines of note of its log since the boot.
          type: list
          elements: str
          sample: ["Detected NVL5+ system"]
    ib_umad:
      description: Whether the kernel module C(ib_umad) is loaded.
      type: bool
    ibstat:
      description: Whether the command C(ibstat) is there.
      type: bool
    persistenced:
      description: Whether the persistence daemon runs.
      type: bool
    xids:
      description: The XID errors since the boot, one entry for each GPU and XID.
      type: list
      elements: dict
      contains:
        pci_address:
          description: The PCI address of the GPU.
          type: str
          sample: "0000:1b:00.0"
        xid:
          description: The number.
          type: int
          sample: 79
        meaning:
          description: What NVIDIA's catalogue says of it, in a few words.
          type: str
          sample: the GPU has fallen off the bus
        severity:
          description:
            - V(information) and V(application) leave the GPU usable, V(gpu) asks for its reset or for a look at it,
              V(host) for a restart of the host.
            - V(unknown) for an XID that is not in the collection's list.
          type: str
          sample: host
        text:
          description: What the driver wrote after the number, the last time.
          type: str
          sample: pid=1234, name=python3, GPU has fallen off the bus.
        line:
          description: The whole of that line.
          type: str
        count:
          description: How many such lines there are.
          type: int
          sample: 1
    kernel_log:
      description: V(read), V(denied) when only root may read it, or V(absent).
      type: str
      sample: read
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.gpt_oss.fleet.plugins.module_utils._command import ModuleCommands
from ansible_collections.gpt_oss.fleet.plugins.module_utils._gpu_census import take_census


def main() -> None:
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    module.exit_json(changed=False, gpu=take_census(ModuleCommands(module)))


if __name__ == "__main__":
    main()
